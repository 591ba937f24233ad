"""Which search on the device an option asks for."""

from __future__ import annotations

from mime_fast import _C
from mime_fast.config import GenerationConfig
from mime_fast.engines.cuda.beams import DeviceBeams
from mime_fast.engines.cuda.sequences import DeviceDrafting, DeviceGreedy, DeviceSampling

MOST_DRAFTED = 8  # requests whose words are drafted: beyond, further rows are further work

DeviceSearch = DeviceGreedy | DeviceDrafting | DeviceSampling | DeviceBeams


def device_search(options: GenerationConfig, requests: int, *, drafts: bool) -> DeviceSearch | None:
    """The search of the options; None: the host searches.

    The host searches where beams are too wide for a device, and for stop strings and bad words.
    drafts: whether the checkpoint has a draft table.
    """
    if options.num_beams > _C.MOST_DEVICE_BEAMS or options.stop or options.bad_words:
        return None
    if options.num_beams > 1:
        return DeviceBeams(options.num_beams)
    if options.do_sample:
        return DeviceSampling(options.num_sequences)
    drafted = drafts and options.speculation and requests <= MOST_DRAFTED
    return DeviceDrafting() if drafted else DeviceGreedy()
