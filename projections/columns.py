"""Columns that many tables share, with the words that explain them to an analyst."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

Program = Annotated[str, "The program."]
Stream = Annotated[UUID, "The member's stream. The client's own id of the member is in members only."]
Version = Annotated[int, "Number of the entry in the member's stream, from 1."]
Position = Annotated[int, "Position of the entry in the whole log: what ?at_least= waits for. Not part of digests."]
RecordedAt = Annotated[datetime, "When the entry was recorded, by the program's clock."]
Currency = Annotated[str, "The loyalty currency. Points are in its smallest unit."]
Day = Annotated[date, "The local day that counted, in the zone pinned by the entry."]
Rulebook = Annotated[int, "Version of the rulebook that decided."]
