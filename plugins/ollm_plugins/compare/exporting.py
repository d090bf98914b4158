"""How is a comparison written to a file?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Final

from ollm.api import fenced, local_time, visible
from ollm_plugins.compare.results import Compared
from ollm_plugins.compare.telling import COLUMNS, rows, said, terms, verdict

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:90rem;padding:0 1rem}"
    "main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr))}"
    "article{border:1px solid #8884;border-radius:.5rem;padding:0 1rem}article.best{border-color:#2a7}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}table{border-collapse:collapse}"
    "td,th{padding:.2rem .6rem;border-bottom:1px solid #8884;text-align:left}"
)


def markdown(compared: Compared) -> str:
    """Return a comparison as Markdown; prompt and answers stand in fences, so that they cannot change the page."""
    return "\n".join(_markdown(compared))


def _markdown(compared: Compared) -> Iterator[str]:
    yield f"# Comparison of {_cell(local_time(compared.at))}\n"
    yield fenced(visible(compared.prompt), "text")
    for place in range(len(compared.answers)):
        best = " (the best)" if compared.winner == place else ""
        yield f"\n## {place + 1}. {_cell(compared.title(place))}{best}\n"
        yield fenced(visible(said(compared, place)), "text")
    yield f"\n## Numbers\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}"
    for row in rows(compared):
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""
    for line in (*terms(compared), verdict(compared)):
        yield f"{_cell(line)}\n" if line else ""


def _cell(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]#])", r"\\\1", visible(text).replace("\n", " "))


def page(compared: Compared) -> str:
    """Return a comparison as one HTML file that loads nothing and runs nothing."""
    title = _safe(f"Comparison of {local_time(compared.at)}")
    answers = "".join(
        f"<article{' class=best' if compared.winner == place else ''}><h2>{place + 1}. {_safe(compared.title(place))}</h2>"
        f"<pre>{_safe(said(compared, place))}</pre></article>\n"
        for place in range(len(compared.answers))
    )
    head = "".join(f"<th>{_safe(column)}</th>" for column in COLUMNS)
    body = "".join(f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>\n" for row in rows(compared))
    lines = "".join(f"<p>{_safe(line)}</p>\n" for line in (*terms(compared), verdict(compared)) if line)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f"<pre>{_safe(compared.prompt)}</pre>\n<main>\n{answers}</main>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n{lines}</body></html>\n"
    )


def _safe(text: str) -> str:
    return escape(visible(text))


FORMS: Final[Mapping[str, Callable[[Compared], str]]] = {
    ".md": markdown,
    ".markdown": markdown,
    ".html": page,
    ".htm": page,
}
"""How a file is written, by the end of its name."""
