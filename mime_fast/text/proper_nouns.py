"""Words that English writes with a capital wherever they stand.

Only words that are nearly always a name: no "may", "march", "jordan" or "turkey". A name of two
words is in if both halves are (no "new york": "new" cannot know what follows).
"""

PROPER_NOUNS = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday
    mondays tuesdays wednesdays thursdays fridays saturdays sundays
    january february april june july august september october november december
    christmas xmas easter halloween thanksgiving hanukkah ramadan diwali
    mr mrs mr. mrs. ms. dr. prof. sgt. capt. lt. gov. sen.
    jesus christ christian christians catholic bible buddha muslim muslims jewish
    america american americans africa african asia asian europe european canada canadian
    mexico mexican brazil brazilian argentina england english britain british scotland scottish
    ireland irish france french germany german germans spain spanish italy italian greece greek
    portugal portuguese russia russian sweden norway netherlands dutch poland ukraine
    china chinese japan japanese korea korean india indian vietnam thailand philippines
    australia australian egypt israel iraq iran
    california florida texas colorado alaska hawaii louisiana arizona michigan ohio chicago boston
    seattle atlanta miami dallas houston orlando philadelphia vegas las los angeles hollywood
    london paris rome berlin madrid tokyo amsterdam
    google facebook instagram youtube netflix amazon disney disneyland disneyworld nintendo
    playstation xbox starbucks walmart costco uber honda toyota tesla porsche
    trump obama clinton
    """.split()  # noqa: SIM905 - 170 quoted words would hide the list
)
