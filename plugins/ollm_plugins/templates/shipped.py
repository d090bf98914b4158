"""Which templates come with ollm?"""

from __future__ import annotations

from ollm.api import Template, TemplateVariable

_CODE = TemplateVariable("code", required=True, description="The code.")

SHIPPED = (
    Template(
        "explain",
        "Explain code or an error message",
        "Explain this to {reader}:\n\n{code}\n",
        (_CODE, TemplateVariable("reader", default="an experienced programmer", description="Who reads it.")),
    ),
)
