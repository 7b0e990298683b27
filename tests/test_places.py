"""Who is taken on, and who is refused."""

import pytest

from catdog_api.errors import OverloadedError
from catdog_api.places import Place, Places
from tests.fakes import Witness


async def test_as_many_are_taken_on_as_there_are_places_and_the_next_hears_when_to_come_again() -> None:
    places = Places(2, Witness())
    with places.keep(), places.keep():
        with pytest.raises(OverloadedError) as refusal, places.keep():
            pytest.fail("there is none")
        assert refusal.value.retry_after_seconds >= 1
    with places.keep(2):
        pass


async def test_where_there_are_too_few_for_all_none_is_taken() -> None:
    witness = Witness()
    places = Places(4, witness)
    with places.keep(2):
        with pytest.raises(OverloadedError, match="no room for 3 more"), places.keep(3):
            pytest.fail("there are two")
        with places.keep(2):
            assert witness.depths == [2, 4]


async def test_when_the_model_begins_on_one_its_place_is_another_s_and_may_be_taken_again() -> None:
    witness = Witness()
    places = Places(1, witness)
    with places.keep() as (place,):
        places.take(place)
        places.leave(place)
        with places.keep() as (another,):
            places.leave(another)
        places.take(place)
        assert witness.depths == [1, 0, 1, 0, 1]
    assert witness.depths[5:] == [0]


async def test_who_is_expected_counts_until_there_is_a_place_or_nobody_comes() -> None:
    places = Places(1, Witness())
    forget = places.expect()
    with pytest.raises(OverloadedError):
        places.refuse_if_full(as_expected=True)
    places.refuse_if_full()
    with places.keep():
        forget()
    places.expect()()
    places.refuse_if_full(as_expected=True)


async def test_an_observer_that_fails_costs_no_place() -> None:
    class Broken(Witness):
        def queue_changed(self, depth: int) -> None:
            super().queue_changed(depth)
            if len(self.depths) == 1:
                raise ValueError("no room on the device")

    places = Places(1, Broken())
    with pytest.raises(ValueError, match="no room"), places.keep():
        pytest.fail("it is not taken")
    with places.keep() as kept:
        assert [type(place) for place in kept] == [Place]
