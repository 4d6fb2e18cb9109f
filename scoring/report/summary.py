"""The report in a few plain sentences."""

import pandas as pd

from scoring.report.outcome import SAME_PERSON, WITH_WITHOUT
from scoring.report.profile import Profile
from scoring.report.table import decimal, share, signed, signed_share


def summarise_photos(counted: Profile) -> str:
    text = f"{counted.photos:,} photos were scored"
    if not counted.failed:
        return f"{text}, all of them without error."
    return f"{text}; {counted.failed:,} of them ({share(counted.failed / counted.photos)}) gave an error and no answer."


def summarise_shares(frame: pd.DataFrame) -> list[str]:
    """One sentence per attribute."""
    sentences = []
    for row in frame[frame["photos"] > 0].to_dict("records"):
        interval = f" (95 % interval {share(row['share_low'])} to {share(row['share_high'])})"
        known = pd.notna(row["share_low"])
        sentences.append(f"{row['attribute']}: {share(row['share'])} of the photos{interval if known else ''}.")
    return sentences


def summarise_persons(groups: pd.DataFrame) -> list[str]:
    sentences = []
    for name, rows in groups.groupby("attribute", sort=False):
        none, some, every = (int(number) for number in rows["persons"])
        sentences.append(f"{name}: {every:,} persons in all of their photos, {some:,} in some, {none:,} in none.")
    return sentences


def summarise_outcome(outcome: str, differences: pd.DataFrame) -> list[str]:
    """One sentence per attribute; what the same persons show is added where it is known."""
    sentences = []
    for name, rows in differences.groupby("attribute", sort=False):
        by_comparison = {row["comparison"]: row for row in rows.to_dict("records")}
        text = f"{name}: {tell(outcome, by_comparison[WITH_WITHOUT])}"
        within = by_comparison.get(SAME_PERSON)
        if within is not None and pd.notna(within["difference_low"]):
            text += f"; among photos of the same person {tell_short(within)}"
        sentences.append(f"{text}.")
    return sentences


def tell(outcome: str, row: dict) -> str:
    if pd.isna(row["difference_low"]):
        return f"too few photos with or without it to compare {outcome}"
    interval = f"95 % interval {signed_range(row)}"
    if row["verdict"] == "no clear difference":
        return f"no clear difference in {outcome} ({interval})"
    size = f"{decimal(abs(row['difference']))}, {signed_share(row['relative'])}"
    return f"with it, mean {outcome} {row['verdict']} by {size} ({interval})"


def tell_short(row: dict) -> str:
    if row["verdict"] == "no clear difference":
        return f"no clear difference ({signed_range(row)})"
    return f"{row['verdict']} by {decimal(abs(row['difference']))} ({signed_range(row)})"


def signed_range(row: dict) -> str:
    return f"{signed(row['difference_low'])} to {signed(row['difference_high'])}"


def summarise_compare(drift: pd.DataFrame, changed: pd.DataFrame) -> list[str]:
    moved = [row for row in drift.to_dict("records") if row["verdict"] in ("shifted", "some drift")]
    if moved:
        sentences = [
            f"{row['output']}: {row['verdict']} against the other run (PSI {decimal(row['psi'])})." for row in moved
        ]
    else:
        sentences = ["No output drifted against the other run."]
    for row in changed.to_dict("records"):
        if pd.notna(row["to_yes"]):
            sentences.append(
                f"{row['output']}: {row['changed']:,} of {row['photos']:,} same photos changed sides "
                f"({share(row['share'])}; {row['to_yes']:,.0f} to yes, {row['to_no']:,.0f} to no)."
            )
    return sentences
