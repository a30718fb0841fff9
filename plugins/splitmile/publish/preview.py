"""A Slack message drawn as HTML, so that it can be judged without Slack: the blocks that we send, not a second telling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from splitmile.publish.pages import render
from splitmile.settings import Language

_MARKS = re.compile(r"<(?P<href>[^|<>]+)\|(?P<label>[^<>]*)>|\*(?P<bold>[^*\n]+)\*")


def preview_html(blocks: Sequence[Mapping[str, Any]], channel: str, business_date: date, language: Language = "en") -> str:
    """A page that shows the blocks as Slack would."""
    drawn = []
    for block in blocks:
        match block["type"]:
            case "header":
                drawn.append(("header", [escape(block["text"]["text"])]))
            case "section":
                drawn.append(("section", [mrkdwn_to_html(block["text"]["text"])]))
            case "context":
                drawn.append(("context", [mrkdwn_to_html(element["text"]) for element in block["elements"]]))
            case kind:
                drawn.append((kind, []))
    return render("slack_preview.html", language, blocks=drawn, channel=channel, business_date=business_date)


def mrkdwn_to_html(text: str) -> Markup:
    """Bold and links of mrkdwn as HTML; its three entities are HTML's own, so the rest is safe as it stands."""
    html, position = "", 0
    for found in _MARKS.finditer(text):
        html += text[position : found.start()]
        if found["bold"] is not None:
            html += f"<b>{mrkdwn_to_html(found['bold'])}</b>"
        else:
            html += f'<a href="{escape(found["href"])}">{found["label"]}</a>'
        position = found.end()
    html += text[position:]
    return Markup(html.replace("\n", "<br>"))  # noqa: S704 (text is escaped for mrkdwn, links are escaped above)
