"""The errors that export tells its user in one line.

ExportError
├── ManifestError     models.toml is wrong
├── CheckpointError   a checkpoint cannot be read or does not fit its entry
└── ParityError       the ONNX network computes something else than its framework
"""


class ExportError(Exception):
    """Something the user can mend; the message names file, cause and remedy."""


class ManifestError(ExportError):
    pass


class CheckpointError(ExportError):
    pass


class ParityError(ExportError):
    pass
