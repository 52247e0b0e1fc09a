"""What is told of an event, to whom, and what never is."""

from uuid import UUID

import msgspec
import pytest

from application.messages import TYPES, Whose, fields_of, message, message_id, parsed_id, sample, wanted
from domain.member.commands import EraseMember
from domain.member.events import MemberEnrolled
from infrastructure.clock import utc_now
from tests.build import Stream, World, enrol, per, purchase, rulebook

ANN = Whose("ann", "active")
ERASED = Whose("ann", "erased")


def _life() -> Stream:
    stream = Stream(World(rulebook(per(100, 1))))
    stream.do(enrol(member="ann", attributes={"city": "Ulm"}, sealed=b"cipher"), "2026-01-01")
    stream.do(purchase(50_00, "p1", at="2026-01-02"), "2026-01-03")
    stream.do(EraseMember(reason="asked"), "2026-01-04")
    return stream


def test_a_message_is_a_cloud_event_whose_id_follows_from_the_place_of_the_event() -> None:
    entry = _life().entries[1]
    (number,) = [index for index, event in enumerate(entry.events) if type(event).__name__ == "PointsEarned"]
    told = msgspec.json.decode(msgspec.json.encode(message(entry, 17, number, ANN)))
    data = told.pop("data")
    assert told == {
        "specversion": "1.0",
        "id": f"evt_{entry.stream_id.hex}_2_{number}",
        "source": "/programs/main",
        "type": "PointsEarned",
        "subject": "ann",
        "time": "2026-01-02T12:00:00Z",
        "datacontenttype": "application/json",
        "stream": entry.stream,
        "position": "17",
        "recordedat": "2026-01-03T12:00:00Z",
    }
    assert data["points"] == 50
    assert "event" not in data


def test_a_message_is_read_by_the_cloudevents_library() -> None:
    from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
    from cloudevents.core.formats.json import JSONFormat

    entry = _life().entries[1]
    raw = msgspec.json.encode(message(entry, 17, 0, ANN))
    read = from_structured_event(
        HTTPMessage(headers={"content-type": "application/cloudevents+json"}, body=raw), JSONFormat()
    )
    assert (read.get_id(), read.get_subject()) == (message_id(entry.stream_id, 2, 0), "ann")


def test_every_id_is_read_back_and_nothing_else_is() -> None:
    name = (UUID(int=7), 12, 3)
    assert parsed_id(message_id(*name)) == name
    for text in (
        "",
        "evt_",
        "evt_1_2_3",
        f"evt_{UUID(int=7)}_1_2",
        f"evt_{UUID(int=7).hex}_01_2",
        "a_b_c_d",
        "evt____",
    ):
        assert parsed_id(text) is None


def test_cipher_text_is_never_told() -> None:
    told = message(_life().entries[0], 1, 0, ANN)
    assert told.type == "MemberEnrolled"
    assert told.data["member"] == "ann"
    assert told.data["attributes"] == {"city": "Ulm"}
    assert "sealed" not in told.data
    assert b"cipher" not in msgspec.json.encode(told)


def test_of_an_erased_member_nothing_personal_is_told_however_late_the_message_goes() -> None:
    life = _life()
    for entry in life.entries:
        for number in range(len(entry.events)):
            told = message(entry, 1, number, ERASED)
            raw = msgspec.json.encode(told)
            for word in (b"ann", b"Ulm", b"asked", b"subject"):
                assert word not in raw, raw
            assert told.stream == entry.stream
            assert told.id == message(entry, 1, number, ANN).id


@pytest.mark.parametrize(
    ("types", "fields", "told"),
    [
        ((), {}, True),
        (("PointsEarned",), {}, True),
        (("PointsEarned", "TierChanged"), {"currency": "points"}, True),
        (("TierChanged",), {}, False),
        ((), {"currency": "points"}, True),
        ((), {"currency": "miles"}, False),
        ((), {"currency": ["miles", "points"]}, True),
        ((), {"currency": "points", "points": 50}, True),
        ((), {"currency": "points", "points": 51}, False),
        ((), {"level": "gold"}, False),
    ],
)
def test_who_asks_for_types_and_values_is_told_of_those(
    types: tuple[str, ...], fields: dict[str, object], told: bool
) -> None:
    events = _life().entries[1].events
    (earned,) = [event for event in events if type(event).__name__ == "PointsEarned"]
    assert wanted(earned, frozenset(types), fields) is told


@pytest.mark.parametrize("name", TYPES)
def test_there_is_a_sample_of_every_event_with_the_fields_that_are_told(name: str) -> None:
    told = sample(name, "main", utc_now(), UUID(int=1))
    read = msgspec.json.decode(msgspec.json.encode(told))
    assert read["type"] == name
    assert set(read["data"]) == {
        field.encode_name for field in msgspec.structs.fields(TYPES[name]) if field.name in fields_of([name])
    }
    # What it holds could have been an event: the struct reads it back.
    if fields_of([name]) == {field.name for field in msgspec.structs.fields(TYPES[name])}:
        msgspec.convert(read["data"] | {"event": name}, TYPES[name])


def test_what_is_left_out_of_events_is_a_field_of_theirs() -> None:
    """A renamed field would be told."""
    from application.messages import _OWN, _UNTOLD

    for names in (_OWN, _UNTOLD):
        for name, fields in names.items():
            assert fields <= {field.name for field in msgspec.structs.fields(TYPES[name])}


def test_every_field_of_bytes_is_cipher_text_and_left_out() -> None:
    assert [
        (name, field.name)
        for name in TYPES
        for field in msgspec.structs.fields(TYPES[name])
        if "bytes" in str(field.type) and field.name in fields_of([name])
    ] == []
    assert {field.name for field in msgspec.structs.fields(MemberEnrolled)} - fields_of(["MemberEnrolled"]) == {
        "sealed"
    }
