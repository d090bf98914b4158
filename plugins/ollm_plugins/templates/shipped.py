"""Which templates come with ollm?

Each says what the answer is to look like and what to leave out: small models need that more than large ones do.
"""

from __future__ import annotations

from ollm.api import Template, TemplateVariable


def _needs(name: str, description: str) -> TemplateVariable:
    return TemplateVariable(name, required=True, description=description)


def _may(name: str, default: str, description: str) -> TemplateVariable:
    return TemplateVariable(name, default=default, description=description)


_CODE = _needs("code", "The code")
_TEXT = _needs("text", "The text")

SHIPPED = (
    Template(
        "review",
        "Review code or a diff, the worst findings first",
        """\
Review the following code or diff. Look for {focus}.

List at most {most} findings, the most serious first, each in this form:

**[serious|minor] where** - what is wrong, what it leads to (with an input or a situation in which it shows), and how to
mend it in one or two lines.

Report only what you can point to in the text. Do not praise, do not repeat the code, do not comment on formatting. If you
find nothing, say so in one sentence.

<code>
{code}
</code>
""",
        (
            _CODE,
            _may("focus", "bugs, security problems, lost errors and wrong edge cases", "What to look for"),
            _may("most", "7", "How many findings at most"),
        ),
        options={"temperature": 0.2},
    ),
    Template(
        "commit",
        "Write a commit message for a diff",
        """\
Write a commit message for this diff.

The first line: {style}, at most 60 characters, no full stop. If the reason is not obvious from it, an empty line follows,
and then one to three sentences that say why the change is made and what a reader must know; wrap them at 72 characters.
Say nothing that the diff does not show. Answer with the message alone: no quotes, no code fence, no introduction.

<diff>
{diff}
</diff>
""",
        (
            _needs("diff", "What git diff --staged prints"),
            _may("style", "in the imperative, beginning with a capital", "The style of the first line"),
        ),
        options={"temperature": 0.2},
    ),
    Template(
        "explain",
        "Explain code, a command or an error message",
        """\
Explain the following to {reader}.

Begin with one sentence that says what it is or does as a whole. Then go through the parts that are not obvious, in the
order in which they matter. Name side effects, hidden assumptions and traps. If it is an error message, say what most likely
causes it and what to try first. Leave out what {reader} knows anyway.

<text>
{text}
</text>
""",
        (_needs("text", "Code, a command or an error"), _may("reader", "an experienced programmer", "Who reads it")),
    ),
    Template(
        "tests",
        "Write tests for code",
        """\
Write tests for the following code with {framework}.

Cover the usual case, each branch, the edges (empty, one, many, largest, wrong type where that can happen) and what must
fail. Each test checks one behaviour, and its name says which. Use no mocks where the real thing is cheap. Do not change the
code. If the code has a bug, let the test say what is right, and mark it with a comment.

Answer with one block of code that can be run as it is.

<code>
{code}
</code>
""",
        (_CODE, _may("framework", "the framework that is usual for its language", "The test framework")),
        options={"temperature": 0.2},
    ),
    Template(
        "summarize",
        "Summarize a text",
        """\
Summarize the following text in {length}, for {reader}.

Begin with the most important statement, not with "The text". Keep numbers, names and dates as they are. Do not add
anything that the text does not say, and do not judge it. Write in the language of the text.

<text>
{text}
</text>
""",
        (
            _TEXT,
            _may("length", "three to five sentences", "How long"),
            _may("reader", "somebody who has not read it", "Who reads it"),
        ),
        options={"temperature": 0.3},
    ),
    Template(
        "translate",
        "Translate a text",
        """\
Translate the following text into {language}.

Keep its meaning, its tone and its form: paragraphs, lists, Markdown, code, placeholders and addresses stay as they are.
Translate idioms by what they mean. Answer with the translation alone.

<text>
{text}
</text>
""",
        (_TEXT, _may("language", "English", "Into which language")),
        options={"temperature": 0.2},
    ),
    Template(
        "rewrite",
        "Rewrite a text in another tone, clearer and shorter",
        """\
Rewrite the following text so that it is {tone}.

Keep all facts and the language of the text. Prefer short sentences, plain words and verbs. Take out repetition and empty
phrases. Do not add anything. Answer with the new text alone.

<text>
{text}
</text>
""",
        (_TEXT, _may("tone", "clear, friendly and as short as it can be", "What it is to be like")),
    ),
    Template(
        "refactor",
        "Make code simpler without changing what it does",
        """\
Refactor the following code. The goal: {goal}.

What it does must stay the same, errors and edge cases included, and so must its public names. Take small steps: better
names, early returns, less nesting, no repetition, no cleverness. Add no features and no dependencies.

Answer with the new code in one block, then a list of what you changed and why, one line each. If a change could alter the
behaviour, do not make it; name it at the end instead.

<code>
{code}
</code>
""",
        (_CODE, _may("goal", "easier to read and to change", "What it is to become")),
        options={"temperature": 0.2},
    ),
    Template(
        "docstring",
        "Document functions and classes",
        """\
Write documentation for the public functions and classes in the following code, in the style: {style}.

Say what each does for its caller, not how: parameters with units and ranges, what is returned, what is raised and when,
side effects. Leave out what the signature says already. Do not change the code.

Answer with the code and its documentation in one block.

<code>
{code}
</code>
""",
        (_CODE, _may("style", "what is usual for its language", "E.g. Google, NumPy, reST, JSDoc")),
        options={"temperature": 0.2},
    ),
    Template(
        "bug-report",
        "Turn notes or a log into a bug report",
        """\
Turn the following notes into a bug report in Markdown with these headings:

## Summary
## Steps to reproduce
## Expected
## Actual
## Environment
## Notes

The summary is one sentence that names the part and the symptom. Number the steps. Quote error messages exactly, in blocks
of code, and shorten logs to the lines that matter. Where the notes say nothing, write "not known" and, under Notes, what
should be found out. Do not guess at causes unless you mark it as a guess.

<notes>
{text}
</notes>
""",
        (_needs("text", "Notes, a log, a conversation"),),
        options={"temperature": 0.2},
    ),
    Template(
        "regex",
        "Write and explain a regular expression",
        """\
Write a regular expression for {flavour} that does this: {task}

Answer with

1. the expression in a block of code, nothing else in it;
2. what each part means, one line each;
3. three texts that match and three that do not, among them the closest calls;
4. what it gets wrong, if anything.

Prefer an expression that is easy to read, and avoid nested repetition, which may take exponential time.
""",
        (_needs("task", "What it is to match"), _may("flavour", "Python's re", "Whose syntax")),
        options={"temperature": 0.1},
    ),
    Template(
        "names",
        "Propose names for a variable, a function, a project …",
        """\
Propose {count} names for {what}. The convention: {convention}.

A good name says what the thing is for, is a word that people in the field use, and cannot be confused with something else.
Give each on a line of its own, with a dash and five to ten words on what speaks for it. Put the best first.
""",
        (
            _needs("what", "What it is, and what it does"),
            _may("count", "8", "How many"),
            _may("convention", "what is usual for it", "E.g. snake_case, one short word"),
        ),
    ),
)
