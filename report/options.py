"""What the command accepts."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, CliPositionalArg, SettingsConfigDict

Fraction = Annotated[float, Field(ge=0, le=1)]


class Options(BaseSettings):
    """What a scored dataset says, as one HTML page and as CSV tables."""

    model_config = SettingsConfigDict(
        cli_prog_name="python -m report",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        env_prefix="REPORT_",
    )

    dataset: CliPositionalArg[str] = Field(description="what `python -m scoring --out` wrote; a path or a URI")
    out: str | None = Field(None, description="folder of report.html and the CSV files; DATASET/_report by default")
    by: str | None = Field(None, description="column that names the person of each photo; persons then are the unit")
    outcome: str | None = Field(None, description="column with a number per photo, such as likes, to compare")
    compare: str | None = Field(None, description="another scored dataset: what drifted from there to here")
    threshold: Fraction = Field(0.5, description="probability from which a photo counts as positive")
    min_score: Fraction | None = Field(
        None, description="boxes with a lower score are left out; by default what each detector's card says"
    )
    min_cosine: Fraction = Field(0.95, description="cosine of embeddings from which two photos are near-duplicates")
    thumbnails: bool = Field(False, description="show example photos; the page then holds pictures of people")

    @property
    def folder(self) -> str:
        """Where the report goes."""
        return self.out or f"{self.dataset.rstrip('/')}/_report"
