"""Which gRPC failure of a call to Triton means what.

ContractError
├── UnknownTask     a card with a task that this version of the contract does not know
├── UnknownModel    a model was asked for that is not served
└── AnalyzeError    a call failed
    ├── BadPhoto     a file that cannot be decoded; asking again gives the same
    ├── Unavailable  Triton is away, overloaded, or its models are not loaded; asking again may help
    ├── Expired      no answer within the deadline
    └── Broken       anything else: a fault of the service
"""

import grpc

# The first words of an error say which step refused the photo.
PREPROCESS = "preprocess: "
EXPIRED = "Request timeout expired"  # in one of Triton's queues


class ContractError(Exception):
    """Its text is written for the caller."""


class UnknownTask(ContractError):
    def __init__(self, name: str, task: str) -> None:
        super().__init__(f"model {name} has task {task!r}, which is not known here; update this program")


class UnknownModel(ContractError):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no model {name!r}; there are {', '.join(known)}")


class AnalyzeError(ContractError):
    """A failed call. `code`: gRPC's status; the text is Triton's own, for `BadPhoto` without the step's name."""

    def __init__(self, text: str, code: grpc.StatusCode) -> None:
        super().__init__(text)
        self.code = code


class BadPhoto(AnalyzeError):
    pass


class Unavailable(AnalyzeError):
    pass


class Expired(AnalyzeError):
    pass


class Broken(AnalyzeError):
    pass


BY_CODE: dict[grpc.StatusCode, type[AnalyzeError]] = {
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    grpc.StatusCode.NOT_FOUND: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Expired,
    grpc.StatusCode.CANCELLED: Expired,
}


def classify_failure(error: grpc.RpcError) -> AnalyzeError:
    """The neutral error of a failed call."""
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.INVALID_ARGUMENT and PREPROCESS in details:
        return BadPhoto(details.partition(PREPROCESS)[2], code)
    if code is grpc.StatusCode.UNAVAILABLE and EXPIRED in details:
        return Expired(details, grpc.StatusCode.DEADLINE_EXCEEDED)
    return BY_CODE.get(code, Broken)(details, code)
