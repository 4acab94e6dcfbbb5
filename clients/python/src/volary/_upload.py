from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 18
_MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class Upload:
    """A file that can be sent again from its start."""

    def __init__(self, source: str | os.PathLike[str] | bytes, format: str | None) -> None:
        self._take(source)
        if isinstance(self._source, Path):
            format = format or self._source.suffix.lstrip(".").lower()
        if format not in _MEDIA_TYPES:
            raise ValueError("format must be 'csv' or 'parquet' where no file name says it")
        self.media_type = _MEDIA_TYPES[format]

    def _take(self, source: str | os.PathLike[str] | bytes) -> None:
        self._source = source if isinstance(source, bytes) else Path(source)
        self.size = len(self._source) if isinstance(self._source, bytes) else self._source.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        is_bytes = isinstance(self._source, bytes)
        with io.BytesIO(self._source) if is_bytes else self._source.open("rb") as file:  # type: ignore[arg-type,union-attr]
            while chunk := file.read(_CHUNK):
                yield chunk


class Form(Upload):
    """A file in a form, behind a field of JSON if there is one."""

    def __init__(self, source: str | os.PathLike[str] | bytes, field: str, json: bytes | None) -> None:
        self._take(source)
        boundary = uuid.uuid4().hex
        start = f"--{boundary}\r\ncontent-disposition: form-data; name="
        head = b""
        if json is not None:
            head = f'{start}"{field}"\r\ncontent-type: application/json\r\n\r\n'.encode() + json + b"\r\n"
        head += f'{start}"file"; filename="model.onnx"\r\ncontent-type: application/octet-stream\r\n\r\n'.encode()
        self._head, self._tail = head, f"\r\n--{boundary}--\r\n".encode()
        self.size += len(self._head) + len(self._tail)
        self.media_type = f"multipart/form-data; boundary={boundary}"

    def chunks(self) -> Iterator[bytes]:
        yield self._head
        yield from super().chunks()
        yield self._tail
