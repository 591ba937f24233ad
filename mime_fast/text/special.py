"""The seven ids that are not words; their order is that of the authors' vocabulary."""

SPECIAL_WORDS = ("UNK", "PAD", "EOS", "SOS", "USR", "SYS", "CLS")
UNK, PAD, EOS, SOS, USR, SYS, CLS = range(len(SPECIAL_WORDS))
NEVER_GENERATED = (UNK, PAD, SOS, USR, SYS, CLS)  # a test unblocks them to compare with the authors
