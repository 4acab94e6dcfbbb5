from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 18
_MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class Upload:
    """A file that can be sent again from its start."""

    def __init__(self, source: str | os.PathLike[str] | bytes, format: str | None) -> None:
        self._source = source if isinstance(source, bytes) else Path(source)
        if isinstance(self._source, bytes):
            self.size = len(self._source)
        else:
            self.size = self._source.stat().st_size
            format = format or self._source.suffix.lstrip(".").lower()
        if format not in _MEDIA_TYPES:
            raise ValueError("format must be 'csv' or 'parquet' where no file name says it")
        self.media_type = _MEDIA_TYPES[format]

    def chunks(self) -> Iterator[bytes]:
        is_bytes = isinstance(self._source, bytes)
        with io.BytesIO(self._source) if is_bytes else self._source.open("rb") as file:  # type: ignore[arg-type,union-attr]
            while chunk := file.read(_CHUNK):
                yield chunk
