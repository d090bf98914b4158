"""What suits each type of project?

A profile is added to what the user says, so it tells only what a model would else get wrong in such a project. The
tools that reach the network are off in code: what a model reads in a repository may be a stranger's, and could make
it carry files away. Texts need no programs run.
"""

from __future__ import annotations

from ollm.api import ProjectProfile

_CARE = (
    "Read the code before you change it, keep to its style, and change no more than was asked. "
    "Name files by their path. Say how a change was checked, and say so when it was not."
)
_NETWORK = ("web_fetch", "web_search")


def built_in() -> list[ProjectProfile]:
    """Return the profiles that come with ollm."""
    return [
        _code(
            "typescript",
            "TypeScript and JavaScript",
            "The user works on a TypeScript or JavaScript project. Use the package manager whose lock file is there, "
            "and the scripts of package.json. Prefer exact types to `any` and to casts; handle rejected promises.",
        ),
        _code(
            "python",
            "Python",
            "The user works on a Python project. Use the tools that pyproject.toml names, in the project's own "
            "environment. Annotate types, prefer the standard library, and write tests as the others are written.",
        ),
        _code(
            "rust",
            "Rust",
            "The user works on a Rust project. Prefer borrowing to cloning and `Result` to panics; no `unsafe` unless "
            "asked. What compiles must also pass `cargo clippy` and `cargo test`.",
        ),
        _code(
            "go",
            "Go",
            "The user works on a Go project. Write idiomatic Go that gofmt leaves alone: wrap errors with context, pass "
            "context.Context first, prefer the standard library, and test with tables.",
        ),
        ProjectProfile(
            "documentation",
            "Texts that are made into a book or a site",
            system_prompt="The user works on documentation. Write short, exact sentences for readers who are in a "
            "hurry; keep to the terms, the headings and the markup that are there. State only what you can see in the "
            "sources, and mark what has to be verified. Keep links and examples working.",
            tools_disabled=("shell",),
            routing_profile="general",
        ),
    ]


def _code(name: str, description: str, prompt: str) -> ProjectProfile:
    return ProjectProfile(
        name, description, system_prompt=f"{prompt} {_CARE}", tools_disabled=_NETWORK, routing_profile="code"
    )
