"""The reference pages, written from the program itself: what can't drift needs no care."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from pathlib import Path

import click

from crm.config import Config
from crm.errors import Refused, kinds
from crm.http.fields import Field
from crm.http.permissions import PERMISSIONS, ROLES
from crm.queue import JOBS

REQUIRED = ("DATABASE_URL", "CRM_SECRET_KEY")
PROGRAM = Path(__file__).parent
NOTE = "This page is written by `python -m crm reference docs/reference`; a test keeps it so."


@click.command("reference")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def reference(context: click.Context, folder: Path) -> None:
    """Write the reference pages into FOLDER."""
    root = context.find_root().command
    assert isinstance(root, click.Group)
    for path in write(folder, root):
        click.echo(path)


def write(folder: Path, commands: click.Group) -> list[Path]:
    """Write every page into `folder`; the program's rooms must have been imported."""
    pages = {
        "settings": settings(),
        "errors": errors(),
        "permissions": permissions(),
        "jobs": jobs(),
        "commands": help_of(commands),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages.items():
        path = folder / f"{name}.md"
        path.write_text(f"# {name.capitalize()}\n\n{NOTE}\n\n{text}\n", encoding="utf-8")
        written.append(path)
    return written


def settings() -> str:
    """Every setting with its default and what it takes."""
    rows = []
    for item in fields_of(Config):
        meta = item.metadata
        takes = f" ({meta['low']} to {meta['high']})" if meta["low"] is not None else ""
        is_required = meta["env"] in REQUIRED
        default = "required" if is_required else f"`{_shown(item.default)}`"
        default = "none" if item.default == "" and not is_required else default
        rows.append((f"`{meta['env']}`", default, meta["help"] + takes))
    intro = "Settings are read from the environment once, at the start of a process."
    return f"{intro}\n\n{table(('Setting', 'Default', 'What it is'), rows)}"


def _shown(default: object) -> object:
    return int(default) if isinstance(default, bool) else default


def errors() -> str:
    """Every refusal, and every mistake that a field can have."""
    refusals = sorted(
        {
            (str(kind.status), f"`{kind.code}`", meaning(kind), sentence(kind.detail))
            for kind in kinds()
            if kind.__module__.startswith("crm.")
        }
    )
    mistakes = sorted({(f"`{code}`", sentence(text)) for code, text in field_codes()})
    return (
        "Refusals are `application/problem+json` (RFC 9457). Branch on `code`: it is stable. The\n"
        "sentence is in the language of `Accept-Language`; what stands in braces is also a member\n"
        "of the document.\n\n"
        f"{table(('Status', 'Code', 'Meaning', 'Sentence'), refusals)}\n\n"
        "## Mistakes in fields\n\n"
        "`errors` names each place by a JSON pointer, with one of these codes (or the code of a\n"
        "refusal above).\n\n"
        f"{table(('Code', 'Sentence'), mistakes)}"
    )


def sentence(text: str) -> str:
    """A sentence with its placeholders as code, so that Markdown keeps `<…>` too."""
    return re.sub(r"(\{\w+\}|<\w+>)", r"`\1`", text)


def meaning(kind: type[Refused]) -> str:
    """What the docstring of a kind says, without the status that it repeats."""
    first = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    return re.sub(r" \(\dxx\)| \(\d{3}\)", "", first)


def field_codes() -> Iterator[tuple[str, str]]:
    """The codes and sentences of fields, and those that rules give where they refuse a field."""
    for kind in _with_children(Field):
        for code, text in vars(kind).get("default_error_messages", {}).items():
            yield code, str(text)
    for path in sorted(PROGRAM.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        sentences = dict(_sentences(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _said(node, sentences)


def _with_children(kind: type) -> Iterator[type]:
    yield kind
    for child in kind.__subclasses__():
        yield from _with_children(child)


def _sentences(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What a module calls its sentences: NAME = N_("…")."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _said(node: ast.Call, sentences: Mapping[str, ast.expr]) -> Iterator[tuple[str, str]]:
    place = {"FieldError": 1, "wrong": 0, "Said": 0}.get(getattr(node.func, "id", ""))
    if place is None or len(node.args) < place + 2:
        return
    code, text = node.args[place : place + 2]
    if isinstance(text, ast.Name):
        text = sentences.get(text.id, text)
    if isinstance(text, ast.Call) and text.args:  # N_("…"), or NN_("…", "…s", "n")
        text = text.args[:2][-1]
    if isinstance(code, ast.Constant) and isinstance(text, ast.Constant):
        yield str(code.value), str(text.value)


def permissions() -> str:
    """Every permission, and which roles hold it."""
    rows = [
        (f"`{name}`", what, *("yes" if name in held else "" for held in ROLES.values()))
        for name, what in PERMISSIONS.items()
    ]
    intro = (
        "API keys hold permissions as scopes; staff hold those of their role. Nobody can give a\n"
        "permission that they don't hold."
    )
    return f"{intro}\n\n{table(('Permission', 'Lets you', *ROLES), rows)}"


def jobs() -> str:
    """Every background job and its schedule."""
    rows = [
        (
            f"`{job.name}`",
            f"`{job.every}`" if job.every else "when put",
            ("every slot" if job.catch_up == "all" else "the latest") if job.every else "",
            (inspect.getdoc(job.function) or "").split("\n\n")[0].replace("\n", " "),
        )
        for job in sorted(JOBS.values(), key=lambda job: job.name)
    ]
    intro = (
        "Schedules are cron lines in UTC. Slots missed while nothing ran are caught up: every\n"
        "one of them, or the latest only."
    )
    return f"{intro}\n\n{table(('Job', 'Schedule', 'Caught up', 'What it does'), rows)}"


def help_of(group: click.Group, name: str = "python -m crm") -> str:
    """The help of every command, as the command line prints it."""
    pages = []
    for child_name, child in sorted(group.commands.items()):
        path = f"{name} {child_name}"
        if isinstance(child, click.Group):
            pages.append(help_of(child, path))
        else:
            context = click.Context(child, info_name=path, max_content_width=88)
            pages.append(f"## {path}\n\n```\n{child.get_help(context)}\n```")
    return "\n\n".join(pages)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines
    )
