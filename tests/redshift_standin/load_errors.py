"""How Redshift says that a load failed: to the client, and row by row in its system tables."""

from __future__ import annotations

import os
from dataclasses import dataclass

from redshift_standin.statements import BackendError

_CONTEXT_LENGTH = 256


def redshift_error(message: str, code: int, context: str = "") -> BackendError:
    """An internal error (XX000) with Redshift's block of details.

    The context is cut at 256 characters, as Redshift cuts it: a long object key may arrive without its end.
    """
    rule = "-----------------------------------------------"
    detail = (
        f"\n  {rule}\n  error:  {message}\n  code:      {code}\n  context:   {context[:_CONTEXT_LENGTH]}\n  query:     0\n"
        f"  location:  redshift_standin\n  process:   redshift_standin [pid={os.getpid()}]\n  {rule}\n"
    )
    return BackendError({"S": "ERROR", "C": "XX000", "M": message, "D": detail})


class RowFault(Exception):
    """A row of a file that its table does not take.

    Attributes:
        code: Of AWS' "Load error reference".
        reason: In Redshift's words, where they are known.
        column: Position in the list of loaded columns; None where the row as a whole is at fault.
        value: The field as it stands in the file.
    """

    def __init__(self, code: int, reason: str, column: int | None = None, value: str = "", position: int = 0) -> None:
        super().__init__(reason)
        self.code, self.reason, self.column, self.value, self.position = code, reason, column, value, position


@dataclass(frozen=True, slots=True)
class LoadError:
    """One row of stl_load_errors."""

    file_name: str
    line_number: int
    column_name: str
    column_type: str
    column_length: str
    position: int
    raw_line: str
    raw_field_value: str
    error_code: int
    error_message: str
