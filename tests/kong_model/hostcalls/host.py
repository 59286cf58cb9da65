"""What a hostcall works on: who calls, from which callback, and the caller's memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kong_model.abi import GuestTrap, Status
from kong_model.step import Step

if TYPE_CHECKING:
    from kong_model.guest import Guest
    from kong_model.model import KongModel
    from kong_model.stream import FilterContext, Root, Stream


@dataclass
class Execution:
    """The callback under way."""

    step: Step
    guest: Guest
    root: Root
    stream: Stream | None = None
    context: FilterContext | None = None

    @property
    def number(self) -> int:
        """The context's id."""
        return self.context.number if self.context else self.root.number


class Host:
    """One hostcall's view of the host."""

    def __init__(self, model: KongModel, execution: Execution) -> None:
        self.model = model
        self.execution = execution
        self.note: tuple[object, ...] = ()
        """What the record of this call says beside its name; never a header's value or a body."""

    @property
    def step(self) -> Step:
        """The callback under way."""
        return self.execution.step

    @property
    def stream(self) -> Stream:
        """The request; a call that needs one traps on a root context."""
        if self.execution.stream is None:
            raise GuestTrap("outside of a request")
        return self.execution.stream

    def read(self, pointer: int, size: int) -> bytes:
        """Bytes of the caller's memory."""
        return self.execution.guest.read(pointer, size)

    def text(self, pointer: int, size: int) -> str:
        """The same as text."""
        return self.read(pointer, size).decode("latin-1")

    def give(self, data: bytes, pointer_out: int, size_out: int, room: int | None = None) -> Status:
        """Hands bytes to the caller, in a room of their size or of another."""
        self.execution.guest.give(data, pointer_out, size_out, len(data) if room is None else room)
        return Status.OK

    def write_u32(self, pointer: int, value: int) -> None:
        """Hands over a number of 32 bits."""
        self.execution.guest.write(pointer, struct.pack("<I", value & 0xFFFFFFFF))

    def write_u64(self, pointer: int, value: int) -> None:
        """Hands over a number of 64 bits."""
        self.execution.guest.write(pointer, struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF))

    def violation(self, why: str) -> None:
        """Notes what harms without a trap."""
        (self.execution.stream.effect.violations if self.execution.stream else self.model.violations).append(why)

    def log(self, level: str, message: str) -> None:
        """Writes to the error log."""
        self.model.write_log(level, message, self.execution.stream, self.execution.root)


Signature = tuple[str, Callable[..., Status]]
