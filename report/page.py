"""The HTML page, one file that loads nothing, and the CSV files beside it."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from report.errors import ReportError, first_line
from report.section import Section
from scoring.storage import open_store

HERE = Path(__file__).parent
PAGE = "report.html"


def write_report(dataset: str, sections: list[Section], out: str) -> str:
    """Write the page and the CSV files into a folder (a path or a URI); gives the page's path.

    Raises ReportError when it cannot be written.
    """
    files = {PAGE: render(dataset, sections)}
    for section in sections:
        for table in section.tables:
            files[f"{table.name}.csv"] = table.frame.to_csv(index=False)
    try:
        store, folder = open_store(out)
        store.makedirs(folder, exist_ok=True)
        for name, text in files.items():
            store.pipe_file(f"{folder}/{name}", text.encode("utf-8", "replace"))
    except (OSError, ValueError, ImportError) as error:
        raise ReportError(f"cannot write to {out}: {first_line(error)}") from error
    return f"{out.rstrip('/')}/{PAGE}"


def render(dataset: str, sections: list[Section]) -> str:
    """Whatever came out of photos, models and tables is escaped; only the style sheet is markup."""
    style = Markup((HERE / "style.css").read_text())
    return template().render(dataset=dataset, sections=sections, style=style, made=datetime.now(UTC))


@cache
def template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")
