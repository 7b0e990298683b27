"""The error tree: everything that this project raises on purpose, and nothing of HTTP.

    CatdogError
    ├── UploadError                     the request does not carry one photograph
    │   ├── MissingFileError            no file, or not in the field that was asked for
    │   ├── TooManyFilesError           more files than one request may carry
    │   ├── MalformedUploadError        a body that breaks its own format
    │   ├── TooManyBytesError           more bytes than the service takes
    │   ├── UnsupportedMediaTypeError   a body that is neither multipart nor an image
    │   ├── TooSlowError                a request that does not arrive in the time allowed
    │   └── CallerLeftError             nobody waits for the answer any more
    ├── InvalidParameterError           a parameter of an unknown value, or sent as a form field
    ├── ImageError                      the bytes are not one photograph
    │   ├── EmptyImageError             no bytes at all
    │   ├── NotAnImageError             no image format's bytes
    │   ├── UnsupportedFormatError      an image format that is not accepted
    │   ├── TruncatedImageError         an image that ends early or is damaged
    │   └── TooManyPixelsError          an image larger than the service decodes
    ├── ArtifactError                   the model artifact cannot be served
    ├── NotReadyError                   the service is starting or ending
    ├── ModelStuckError                 the model hangs, or its thread has died
    ├── PredictionError                 the network failed on a batch, or gave no probabilities
    ├── UnauthorizedError               no key, or one that the service does not know
    ├── RetryLaterError                 the same request may be answered later
    │   ├── OverloadedError             the queue is full
    │   └── RateLimitedError            more requests than one caller may make
    ├── DeadlineExceededError           no answer in the time allowed
    └── SettingsError                   what the operator asked for cannot be had

Each message is one sentence for the person who caused it, and says what was received. Those that a request can end in
never name a path of the machine, a traceback or another request's content; the two that stop the start name the file
or the setting.
"""

RETRY_AFTER_SECONDS = 1  # by then the queue has room, or other callers have taken it


class CatdogError(Exception):
    """Root of the tree."""


class UploadError(CatdogError):
    """The request does not carry one photograph."""


class MissingFileError(UploadError):
    """No file was sent, or not in the field that was asked for."""


class TooManyFilesError(UploadError):
    """More files were sent than one request may carry."""


class MalformedUploadError(UploadError):
    """The body breaks its own format."""


class TooManyBytesError(UploadError):
    """The body has more bytes than the service takes."""


class UnsupportedMediaTypeError(UploadError):
    """The body is neither multipart form data nor an image."""


class TooSlowError(UploadError):
    """The request does not arrive in the time allowed."""


class CallerLeftError(UploadError):
    """Nobody waits for the answer any more: it is not worked out, and this is for the log and the metrics alone."""


class InvalidParameterError(CatdogError):
    """A parameter has a value that the operation does not know, or is in the form and not in the address."""


class ImageError(CatdogError):
    """The bytes are not one photograph."""


class EmptyImageError(ImageError):
    """There are no bytes at all."""


class NotAnImageError(ImageError):
    """The bytes are those of no image format."""


class UnsupportedFormatError(ImageError):
    """The bytes are an image, of a format that is not accepted."""


class TruncatedImageError(ImageError):
    """The image ends early or is damaged."""


class TooManyPixelsError(ImageError):
    """The image is larger than the service decodes."""


class ArtifactError(CatdogError):
    """The model artifact is missing, damaged, or not what its manifest says."""


class NotReadyError(CatdogError):
    """The service is starting or ending."""


class ModelStuckError(CatdogError):
    """Decoding or the model hangs, or a thread of theirs has died: only a new process helps."""


class PredictionError(CatdogError):
    """The network failed on a batch, or what it gave are no probabilities."""


class UnauthorizedError(CatdogError):
    """There is no key, or none that the service knows."""


class RetryLaterError(CatdogError):
    """The same request may be answered later.

    Attributes:
        retry_after_seconds: When to try again; whole seconds, at least 1.
    """

    def __init__(self, message: str, *, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class OverloadedError(RetryLaterError):
    """The queue is full."""


class RateLimitedError(RetryLaterError):
    """One caller made more requests than it may."""


class DeadlineExceededError(CatdogError):
    """No answer came in the time allowed."""


class SettingsError(CatdogError):
    """What the operator asked for cannot be had: of the settings, of a file, of this machine or others."""
