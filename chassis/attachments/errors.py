"""Why a file is not kept."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class FileTypeRefused(DomainError):
    """``allowed``: extensions that are taken."""

    code, kind = "file_type_refused", Kind.MEDIA


class FileInfected(DomainError):
    """A scanner knows it as harmful; ``finding`` is the scanner's name for it."""

    code, kind = "file_infected", Kind.UNPROCESSABLE

    def __init__(self, finding: str) -> None:
        super().__init__(finding=finding[:100])


class TooManyFiles(DomainError):
    """``limit``: files a document may have."""

    code = "too_many_files"
