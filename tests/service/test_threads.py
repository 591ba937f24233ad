"""Which requests of a service of threads run, and which wait."""

import asyncio

import pytest

from mime_fast.service import DeadlineExceeded, Limits, QueueFull
from mime_fast.service.threads import Admission


def test_requests_are_admitted_in_the_order_in_which_they_came() -> None:
    async def ask() -> None:
        admission, order = Admission(Limits(running=2, waiting=5)), []

        async def enter(number: int) -> None:
            await admission.enter(None)
            order.append(number)

        tasks = [asyncio.create_task(enter(number)) for number in range(6)]
        await asyncio.sleep(0)
        assert (admission.running, admission.waiting) == (2, 4)
        for _ in range(6):
            admission.leave()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert order == list(range(6))
        assert (admission.running, admission.waiting) == (0, 0)

    asyncio.run(ask())


def test_who_is_cancelled_on_admission_is_followed_by_the_next() -> None:
    async def ask() -> None:
        admission = Admission(Limits(running=1, waiting=5))
        await admission.enter(None)
        cancelled, following = (asyncio.create_task(admission.enter(None)) for _ in range(2))
        await asyncio.sleep(0)
        admission.leave()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await following
        assert (admission.running, admission.waiting) == (1, 0)

    asyncio.run(ask())


def test_limits_of_waiting() -> None:
    async def ask() -> None:
        admission = Admission(Limits(running=1, waiting=1))
        await admission.enter(None)
        late = asyncio.create_task(admission.enter(1e-3))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="1 requests run and 1 wait"):
            await admission.enter(None)
        with pytest.raises(DeadlineExceeded, match=r"waited for 0\.001 s, its deadline"):
            await late
        assert (admission.running, admission.waiting) == (1, 0)

    asyncio.run(ask())
