"""`python -m splitmile.registry > experiments/experiment.schema.json` writes the JSON Schema of experiment files."""

from __future__ import annotations

import json
import sys

from splitmile.registry.spec import json_schema

sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
