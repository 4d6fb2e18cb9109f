"""Why serving cannot start or go on.

ServingError
├── SettingsError        a flag or an environment variable is wrong
├── InstallationError    a part of the machine or of the environment is missing
├── PortInUse            another process listens where this one should
├── ModelsUnavailable    Triton cannot load a model of the repositories
├── TritonHangs          Triton runs and answers nothing
└── ChildDied            Triton or the gateway stopped by itself
"""

from collections.abc import Iterable


class ServingError(Exception):
    """A reason in one sentence, and what to do about it in another."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.reason}\n  {self.remedy}" if self.remedy else self.reason


class SettingsError(ServingError):
    """A flag or an environment variable has a value that cannot be served."""


class InstallationError(ServingError):
    """A program, library or package that serving needs is not on this machine."""


class PortInUse(ServingError):
    """A port that serving needs is taken."""


class ModelsUnavailable(ServingError):
    """Triton did not get every model ready."""


class TritonHangs(ServingError):
    """Triton runs, may even say that it is ready, and answers nothing."""


class ChildDied(ServingError):
    """Triton or the gateway stopped although nobody asked it to. `lines` say why, in its own words."""

    def __init__(self, reason: str, lines: Iterable[str]) -> None:
        super().__init__(reason, "\n  ".join(lines))
