"""What is next: a batch, a photograph to decode, or nothing any more."""

import asyncio

import numpy as np

from catdog_api.decoding import Decoded
from catdog_api.queues import Job, Queues, Waiting

DECODED = Decoded(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), 8, 8, "RGB")


def waiting() -> Waiting:
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    return Waiting(DECODED, lambda: None, future, 0, 0)


async def test_whoever_leaves_just_before_its_batch_is_formed_is_passed_over() -> None:
    queues, left, stays = Queues(), waiting(), waiting()
    queues.add_decoded(left)
    queues.add_decoded(stays)
    left.future.cancel()
    assert queues.next_task() == [stays]


async def test_a_batch_of_which_all_have_just_left_is_none() -> None:
    queues, left = Queues(), waiting()
    queues.add_decoded(left)
    left.future.cancel()
    queues.close()
    assert queues.next_task() is None


async def test_who_leaves_is_forgotten_at_once_whether_decoded_or_not() -> None:
    queues, decoded = Queues(), waiting()
    job = Job(lambda: None)
    queues.add_decoded(decoded)
    queues.add(job)
    queues.remove(decoded.future)
    queues.remove(job.future)
    queues.close()
    assert queues.next_task() is None


async def test_closed_queues_give_all_that_they_hold_and_then_nothing() -> None:
    queues, last = Queues(), waiting()
    queues.add_decoded(last)
    queues.close()
    assert queues.next_task() == [last]
    assert queues.next_task() is None
