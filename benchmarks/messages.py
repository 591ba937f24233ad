"""Messages for what is measured from text to text."""

from itertools import product

# 96 messages of 4 to 25 words: who, what happened, how it is told.
WHO = ("I", "My sister", "My best friend", "Our neighbour", "My old teacher", "The boss")
WHAT = (
    "lost a dog yesterday",
    "got the job after three interviews",
    "failed the driving test again",
    "won two tickets to the concert",
    "had to sell the house that grandfather built",
    "moved to another city last month",
    "broke a leg on the first day of the holidays",
    "heard strange noises in the cellar last night",
)
HOW = ("{}.", "You will not believe it! {}, and I keep thinking about it all day long since then.")
MESSAGES = [how.format(f"{who} {what}") for how, who, what in product(HOW, WHO, WHAT)]
