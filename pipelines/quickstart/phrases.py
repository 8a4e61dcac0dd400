# SPDX-License-Identifier: CC0-1.0
"""The parts that messages are made of.

Rules that keep the tickets decidable (README.md states them for readers):
  urgency    high: a deadline today or tomorrow, "urgent", danger, or a break-in; low: it can wait, or nothing is asked;
             else normal.
  sentiment  the tone, not the trouble: negative where anger or disappointment is said, positive where praise is, else
             neutral. "Please" and "thanks" are manners, not praise. Sarcasm is negative.
  wants_refund  money back is asked for.
  product    the one that the matter is about, as the shop writes it; null where none is named.
"""
from collections import namedtuple

# text: [a|b] is one of the two. only: the products it makes sense for. open: whether money back is asked for is yet to
# be said.
Core = namedtuple("Core", "text only sentiment urgency refund open")

PRICES = {"Aura Lamp": "$49", "Brisk Kettle": "$35.50", "Nimbus Speaker": "$89", "Volt Charger": "$19.90",
          "Terra Backpack": "$75", "Pulse Watch": "$130", "Luma Projector": "$249", "Drift Headset": "$59.99",
          "Crisp Fryer": "$112.40", "Glide Scooter": "$399", "Halo Doorbell": "$95", "Sprout Planter": "$24"}
PRODUCTS = list(PRICES)


def pick(words):
    chosen = [p for p in PRODUCTS if p.split(" ")[1] in words.split()]
    assert len(chosen) == len(words.split()), words
    return chosen


ELECTRIC = pick("Lamp Kettle Speaker Charger Watch Projector Headset Fryer Scooter Doorbell")
PLUGGED = pick("Lamp Kettle Charger Projector Fryer")
SMART = pick("Speaker Watch Projector Headset Scooter Doorbell")
BATTERY = pick("Speaker Watch Headset Scooter Doorbell")
LOUD = pick("Speaker Headset Doorbell")
LIGHT = pick("Lamp Projector")
WET = pick("Kettle Planter")
WORN = pick("Backpack Watch Headset")
BULKY = pick("Lamp Projector Fryer Scooter Planter")


def core(text, only=PRODUCTS, sentiment="neutral", urgency="normal", refund=False, open=False):
    return Core(text, only, sentiment, urgency, refund, open)


SYSTEMS = [
    "Turn the message into a ticket: JSON with category, urgency, product, order_id, sentiment, wants_refund.",
    "File this message as JSON: category, urgency, product, order_id, sentiment, wants_refund.",
    "Answer with a JSON ticket (category, urgency, product, order_id, sentiment, wants_refund).",
]

ORDER_WORDS = ["order {n}", "order #{n}", "order {n}", "my order {n}", "order no. {n}", "order number {n}", "#{n}"]
ORDER_LINES = ["Order {n}.", "The order number is {n}.", "It's order #{n}.", "My order: {n}.", "Order no. {n}, if that helps.",
               "You'll find it under {n}.", "(order {n})", "The confirmation says order {n}.", "Ref: order {n}.",
               "That's order {n} by the way."]
WITH_ORDER = {"delivery", "return", "defect", "billing", "cancel"}

MONEY = ["$19.90", "$24", "$35.50", "$49", "$59.99", "$75", "$89", "$112.40", "$130", "$9.95"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "the 3rd", "the 17th", "March 12", "April 2"]
CITIES = ["Leeds", "Porto", "Austin", "Cork", "Toronto", "Graz", "Dunedin", "Bergen", "Ghent", "Tucson"]
NAMES = ["Maya", "Tom", "Ines", "Jorge", "Priya", "Anders", "Lucy", "Kofi", "Hana", "Pete", "Olga", "Sam"]

HELLOS = ["Hi,", "Hello,", "Hi there,", "Good morning,", "Hey,", "Dear support,", "Hello team,", "Good evening,", "To whom it may concern,", "Hi again,"]
BYES = ["Thanks, {name}", "Regards, {name}", "Thank you.", "Thanks!", "{name}", "Best, {name}", "Cheers", "Kind regards, {name}", "Thanks in advance.", "- {name}"]

STORIES = [
    "I've been a customer since 2019 and hardly ever write.",
    "We moved house in May and half our things are still in boxes.",
    "My sister told me about your shop last summer.",
    "I tried the phone line first but was in the queue for an hour.",
    "I am writing for my mother, who does not use email.",
    "I normally buy in your store in {city}, this time I used the website.",
    "Bear with me, this is a bit of a story.",
    "I looked through the help pages and did not find this.",
    "I run a small guesthouse in {city} and order from you now and then.",
    "My colleague {name} said you would know what to do.",
    "It was raining all week here so I only got round to this now.",
    "I already filled in the web form on {day} but I'm not sure it went through.",
]

ASIDES = [
    "My phone number is 555-0142.", "I'm at work until 5 most days.", "I'm based in {city}.", "You can reach me on 555-0187 after six.",
    "My postcode is 8021.", "My customer number is C-77.",
]
ASIDES_THING = ASIDES + [
    "I paid {money} for it.", "I live on the 4th floor, no lift.", "The invoice is INV-203.", "My neighbour has a key.",
    "I have the box and the receipt here.", "I used the code SPRING10.", "I can send photos.",
]

OTHER_PRODUCT = [
    "I also have the {q} and that one is fine.", "The {q} I bought with it is not the issue.", "My {q} never had anything like this.",
    "(The {q} from the same shop has been OK.)", "This isn't about the {q}, that arrived last year.",
]

NEGATIVE = [
    "This is ridiculous.", "I am really disappointed.", "Not impressed at all.", "I'm fed up with this.", "Honestly, terrible service.",
    "I expected much better from you.", "What a joke.", "I've lost my patience.", "Great job, really. Slow clap.",
    "Fantastic, just what I needed this week. Not.", "I am so annoyed.", "This is the worst shop I have dealt with.",
    "Unacceptable.", "It makes me angry.", "You people don't seem to care.", "I'm very unhappy about it.",
    "Wonderful, another evening wasted on you.", "How hard can it be?!", "I feel let down.", "Shame on you.",
]
NEGATIVE_QUESTION = [
    "Your product page is useless.", "I asked this twice and nobody bothers to answer, it's infuriating.", "Your chat bot is hopeless, by the way.",
    "I'm annoyed that your site doesn't say.", "Whoever wrote your help page should be ashamed.", "Honestly, terrible product page.",
    "Thanks for nothing, help page.", "It makes me angry that I have to ask.",
]
POSITIVE = [
    "I love your shop, by the way.", "You have always been great to me.", "Your team is wonderful.", "Still my favourite store!",
    "Everything else has been excellent.", "I'm a happy customer otherwise.", "You do a fantastic job.",
    "Your support helped me brilliantly last time.", "Really pleased with your service so far.", "I think you're great.",
]

HIGH = [
    "I need an answer today.", "This is urgent.", "Please sort this out tonight.", "Please get back to me within the hour.",
    "Urgent!!", "This can't wait, it has to be today.", "Please treat this as an emergency.", "ASAP please.",
    "I need this solved by tomorrow.", "Please reply before noon today.",
]
HIGH_THING = [
    "I leave tomorrow morning, so please hurry.", "It's a present for a birthday tomorrow.", "We need it for an event tonight.",
    "My flight goes tomorrow.", "The party is tonight.",
]
LOW = [
    "No rush.", "It can wait until next week.", "Whenever you find the time.", "This isn't urgent.", "Take your time.",
    "No hurry at all.", "Answer when you get round to it.", "It's not pressing.", "Any time this month is fine.",
    "I'm in no hurry with this.",
]

REFUND = [
    "I want my money back.", "Please refund me.", "I'd like a refund.", "Could you refund the {money}?", "Refund, please.",
    "Please pay the {money} back to my card.", "How do I get my money back?", "I ask for a full refund.",
    "Just give me the money back.", "I'd like the money back, not a voucher.", "Please return what I paid.",
]
OTHER_WISHES = {
    "delivery": ["Where is it?", "Can you find out where it is?", "Please send it again.", "What happens now?", "No refund, I just want the parcel.",
                 "When will it come?", "Please check with the courier."],
    "return": ["How do I send it back?", "I'd like to swap it, not a refund.", "Can I exchange it for another colour?", "Please send me a label.",
               "A voucher would be fine.", "Can I bring it to the store in {city}?"],
    "defect": ["Please send a replacement.", "Can it be repaired?", "I don't want a refund, just one that works.", "What should I do?",
               "Is this covered by the warranty?", "Please send me the spare part.", "Can someone talk me through fixing it?"],
    "billing": ["Please correct this.", "Can you explain that?", "Please look into it.", "What is going on there?", "I'd like a corrected invoice."],
    "cancel": ["Please confirm.", "Just let me know it's done.", "I haven't paid yet, so no refund is due.", "Is that still possible?"],
}

SECOND_LAST = ["One more small thing:", "By the way:", "Not important, but:", "Also, unrelated:", "Oh, and on the side:"]
SECOND_FIRST = ["I'll ask about {x} another day; the real problem is this.", "Forget my question about {x}, this matters more.",
                "I wanted to write about {x}, but now there's something bigger.", "{x} can wait, here is what I need."]
SECOND = {
    "account": ["can I change my email address in the app?", "my newsletter settings keep resetting.", "the site logs me out a lot.",
                "my profile still shows my old phone number."],
    "question": ["do you sell gift cards?", "are you open on Sundays?", "will there be a summer sale?", "do you ship to {city}?",
                 "is there parking at the {city} store?"],
    "feedback": ["the new website is a bit slow.", "the packaging could use less plastic.", "the app's dark mode is hard to read.",
                 "the search box could be bigger."],
}
SECOND_NAMES = {
    "account": ["my newsletter settings", "the login page", "my profile photo"],
    "question": ["gift cards", "your opening hours", "the summer sale"],
    "feedback": ["the slow website", "all that plastic wrapping", "the app's colours"],
}

SHORT_FORMS = [("please", "pls"), ("Please", "Pls"), (" you ", " u "), ("your ", "ur "), (" are ", " r "), ("Thanks", "Thx"),
               ("tomorrow", "tmrw"), (" and ", " & "), ("because", "bc"), (" to ", " 2 "), ("I am ", "im "), ("I'm ", "im "), (" for ", " 4 ")]

WORDS_THAT_MATTER = {"urgent", "refund", "today", "tomorrow", "tonight", "money", "order", "order,", "cancel", "refunded"}

CORES = {
    "delivery": [
        core("My {p} [was due|should have come|was promised] [on|for] {day} and [has not arrived|is still not here|never showed up].", open=True),
        core("The tracking for {o} [has not moved|has been stuck|shows nothing new] since {day}.", open=True),
        core("[Where is|What happened to|Any news of] {o}? It was meant to be here on {day}."),
        core("The courier [says|claims|writes that] the {p} was delivered, but [nothing is here|I don't have it|there is no parcel].", open=True),
        core("{o} went to my old address in {city}.", open=True),
        core("I'm still waiting for the {p} I [bought|ordered|paid for] on {day}.", open=True),
        core("Only one of two parcels came, the {p} is missing.", open=True),
        core("The [driver|courier] left the {p} [out in the rain|in the hallway|by the bins] and [someone took it|it was stolen|now it's gone].", open=True),
        core("Could you tell me [when|on which day] {o} will arrive?"),
        core("The app shows {o} as [delivered to|waiting at] a pickup point [I never heard of|at the other end of town].", open=True),
        core("I was home all day and the driver wrote that nobody was in. It's [about|for] the {p}.", open=True),
        core("Can the {p} still be sent to my [office|sister's place|new address] in {city} instead?"),
        core("The status of {o} says returned to sender and I don't know why.", open=True),
        core("Shipping was promised [in|within] [three|five] days, now it's two weeks and no {p}.", open=True),
        core("[Is there a delay|Are there problems] with deliveries to {city}? I'm waiting for {o}."),
        core("Please [deliver|hand] {o} to my neighbour if I'm out."),
        core("The parcel with the {p} [seems to be|is apparently|must be] lost somewhere near {city}.", open=True),
        core("I never got a tracking number for the {p}."),
        core("The {p} is [on its way|going] to the wrong {city}, there are two towns of that name.", open=True),
        core("Your mail says the {p} ships in [May|autumn|six weeks]. [The page said now|It was listed as in stock].", open=True),
        core("[Could|Can] you hold {o} back until we return from holiday?"),
        core("I [can't|won't] be home on {day}, please [bring|deliver] the {p} another day."),
    ],
    "return": [
        core("I'd like to send the {p} back, it's not [what I had in mind|quite what I need|for me].", open=True),
        core("You sent me the {p} in [green|red|white], I ordered [grey|black|blue].", open=True),
        core("I got [the {p} twice|two {p}s] [as gifts|for my birthday] and want to return one.", open=True),
        core("The {p} is [too big|far too large] for my [flat|room|car], so it has to go back.", BULKY, open=True),
        core("[How long|How many days] do I have to return {o}?"),
        core("I changed my mind about the {p}. [It's unopened|It's still in its box|I never used it].", open=True),
        core("Someone else's {p} was in my box. I never [bought|ordered] one.", open=True),
        core("The return label for {o} [doesn't print|has expired|is unreadable]."),
        core("I sent {o} back on {day} and [heard nothing since|have no confirmation].", open=True),
        core("The {p} works, but I don't like [the sound of it|how it sounds], so I'm sending it back.", LOUD, open=True),
        core("Can I return the {p} without the [box|receipt|original bag]?"),
        core("The {p} doesn't [match|look like] the photo on your site and I won't keep it.", open=True),
        core("I need to return [everything|all items] in {o}.", open=True),
        core("My [son|daughter|dad] bought the {p} without asking, [I want|we want] to give it back.", open=True),
        core("Which address do returns go to? I have a {p} to send."),
        core("The strap is [shorter|narrower] than described, so I'd return the {p}.", WORN, open=True),
        core("Your store in {city} would not take the {p} back.", open=True),
        core("I want to swap the {p} for the [larger|newer|blue] version."),
        core("The {p} is fine, it's just that my [wife|husband|friend] already has one. [It goes back|I'll return it].", open=True),
        core("The {p} is [heavier|louder|brighter] than I [thought|expected], I'd rather return it.", ELECTRIC, open=True),
        core("You packed the wrong [size|model|version] of the {p}.", open=True),
        core("How do I [return|send back] half of {o} and keep the rest?"),
    ],
    "defect": [
        core("The {p} stopped working after [two days|a week|one use].", ELECTRIC, open=True),
        core("My {p} [doesn't switch on|won't turn on|gives no sign of life] any more.", ELECTRIC, open=True),
        core("There's a [crack|dent|hole] [right across|in] the {p}.", open=True),
        core("The {p} came with a [part|screw|piece] missing.", open=True),
        core("The {p} [started to smoke|caught fire|began to smell of burning] when I plugged it in.", PLUGGED, urgency="high", open=True),
        core("I got an electric shock from the {p}.", ELECTRIC, urgency="high", open=True),
        core("The {p} makes a [grinding|buzzing|rattling] noise since {day}.", ELECTRIC, open=True),
        core("The battery of my {p} [lasts ten minutes|is empty within an hour|no longer charges].", BATTERY, open=True),
        core("The {p} from {o} arrived [broken|damaged|in pieces].", open=True),
        core("One side of the {p} is [dead|silent].", pick("Speaker Headset"), open=True),
        core("My {p} gets so hot that it burned [the table|my hand].", ELECTRIC, urgency="high", open=True),
        core("The {p} [keeps restarting|switches off] on its own.", ELECTRIC, open=True),
        core("A [button|knob|corner] of the {p} [fell off|broke off|came loose].", ELECTRIC, open=True),
        core("The {p} leaks [water|from below|all over the place].", WET, open=True),
        core("Since the update my {p} won't connect to [anything|my phone].", SMART, open=True),
        core("The [zip|seam|buckle] of the {p} is [broken|torn].", pick("Backpack"), open=True),
        core("It sparks at the plug, the {p}. I've pulled the fuse.", PLUGGED, urgency="high", open=True),
        core("The {p} flickers and then goes off.", LIGHT, open=True),
        core("Out of the box the {p} was scratched and bent.", open=True),
        core("This is the second {p} that has died on me.", ELECTRIC, open=True),
        core("The {p} shows [an error|only a red light|E04] and nothing else.", ELECTRIC, open=True),
        core("After [one wash|a bit of rain|a week in the sun] the {p} has [lost its colour|gone out of shape].", pick("Backpack Planter"), open=True),
        core("The screen of my {p} has [stripes|a black spot|gone dark].", pick("Watch Doorbell Projector"), open=True),
        core("The {p} wobbles because one foot is [bent|shorter].", pick("Lamp Kettle Projector Fryer Planter"), open=True),
    ],
    "billing": [
        core("I was [charged|billed] twice for {o}.", open=True),
        core("My card [shows|says] {money} but the {p} was listed at less.", open=True),
        core("I can't find the [invoice|receipt] for {o}."),
        core("You took {money} from my [card|bank account] and I don't know what for.", open=True),
        core("The discount [code|of ten percent] was not [applied to|taken off] the {p}.", open=True),
        core("Why is there [an extra|a {money}] fee on {o}?", open=True),
        core("My payment for the {p} failed three times, is it your system?"),
        core("Please put our company name on the invoice for {o}."),
        core("I was billed for the {p} before it shipped, is that [normal|right]?"),
        core("The gift card was not taken off the price of the {p}.", open=True),
        core("There are two charges of {money} on my statement from {day}.", open=True),
        core("I returned the {p} weeks ago and the {money} is not on my card yet, [pay it back|transfer it].", refund=True),
        core("Can I pay for the {p} in instalments? The checkout shows an error at that step."),
        core("The [total|shipping fee] on the invoice for {o} is too high.", open=True),
        core("The [tax number|address] on the invoice for {o} is wrong."),
        core("I paid for express shipping on {o} and got the normal one. Pay back the difference.", refund=True),
        core("My bank says your {money} charge is still pending."),
        core("The receipt lists a {p} I did not buy.", open=True),
        core("Can the invoice for {o} be [sent|copied] to my accountant?"),
        core("The price of the {p} went up [between cart and payment|after I paid], how come?", open=True),
        core("I [got|received] a payment reminder for {o}, but I paid on {day}."),
        core("You still owe me the {money} [you promised|that were agreed] for the {p}, please transfer it.", refund=True),
        core("I want to pay {o} by [bank transfer|invoice] instead of card."),
    ],
    "account": [
        core("I can't log in, the password reset mail [never comes|doesn't arrive]."),
        core("Please change the email on my account to [my new one|my work address]."),
        core("Someone logged into my account from {city} and it wasn't me.", urgency="high"),
        core("How do I [delete|close] my account?"),
        core("My account is locked after [too many tries|one wrong password]."),
        core("The code for the two-step login goes to my old phone."),
        core("I have two accounts and would like to [merge them|make them one]."),
        core("Your app says my user name doesn't exist."),
        core("I need to update the address in my profile and the save button does nothing."),
        core("My account has been hacked, the email was changed [last night|this morning].", urgency="high"),
        core("Please remove my [card|old phone number|photo] from my profile."),
        core("I got a mail that my password was changed, I didn't do that.", urgency="high"),
        core("The sign-up page doesn't accept my last name because of the [accent|hyphen]."),
        core("I'd like a copy of all the data you [have on|keep about] me."),
        core("How can I turn [off|on] two-step login?"),
        core("My loyalty points are gone from my profile."),
        core("The app asks me to sign in again [every single day|each time I open it]."),
        core("I [married|changed my name] and need [that|it] corrected in your system."),
        core("The login page [says wrong password|goes blank], though [I just set it|it worked on {day}]."),
        core("My [daughter|partner] should have access to my account too, how do I add [her|someone]?"),
        core("I registered with the wrong birthday, can you [fix|correct] it?"),
        core("I keep getting your newsletter although I [unsubscribed|turned it off in my settings]."),
    ],
    "cancel": [
        core("Please [cancel|stop] {o}.", open=True),
        core("I ordered the {p} by mistake, [stop it|cancel it] before it ships.", open=True),
        core("I'd like to call off my order for the {p}.", open=True),
        core("Can {o} still be cancelled?", open=True),
        core("I found the {p} cheaper elsewhere, cancel mine.", open=True),
        core("Please don't send the {p}, I [no longer need it|bought one elsewhere].", open=True),
        core("I clicked twice, so one of the two {p} orders has to go.", open=True),
        core("The cancel button for {o} is greyed out.", open=True),
        core("[Stop|End] my monthly [coffee|filter|plant food] subscription from now on.", open=True),
        core("My {p} won't come before [the move|we leave|the wedding], so cancel it.", open=True),
        core("I want to withdraw from {o}.", open=True),
        core("We don't want the {p} any more, it hasn't left your warehouse yet.", open=True),
        core("Kindly cancel the {p}, the rest of the order can stay.", open=True),
        core("Cancel everything I ordered on {day}, that's {o}.", open=True),
        core("Scrap {o}, [wrong size|wrong colour] and I saw it too late.", open=True),
        core("[End|Cancel] my membership, I don't use it.", open=True),
        core("I entered the wrong address, so just cancel {o} and I'll order again.", open=True),
        core("If the {p} hasn't shipped, take it off my order.", open=True),
        core("My [wife|flatmate|brother] ordered the same {p}, so mine can be cancelled.", open=True),
        core("[No|Please no] {p} after all, cancel before [it's packed|you pack it].", open=True),
        core("I [reserved|preordered] the {p} and want [out|to step back from it].", open=True),
        core("Is it too late to cancel {o}?", open=True),
    ],
    "question": [
        core("Does the {p} work with 110 volts?", PLUGGED),
        core("Is the {p} [waterproof|all right in the rain]?", pick("Backpack Watch Speaker Headset Scooter Doorbell")),
        core("How do I reset the {p}?", SMART),
        core("What is the difference between the {p} and the [older one|smaller one|Pro version]?"),
        core("[Will the {p} be|When is the {p}] back in stock?"),
        core("How long is the [warranty|guarantee] on the {p}?"),
        core("Can I use the {p} outdoors in winter?", pick("Lamp Speaker Scooter Doorbell Planter Watch")),
        core("Is there a manual for the {p} in [Spanish|French|large print]?", ELECTRIC),
        core("Which batteries does the {p} take?", pick("Doorbell Headset Watch Speaker")),
        core("Do you ship to {city}, and what does it cost?"),
        core("How [heavy|big|high] is the {p}?"),
        core("Is the {p} safe for [small children|a dog that chews|a six year old]?"),
        core("Can two people share one {p}, each with their own settings?", SMART),
        core("Does the {p} come in [black|yellow|other colours]?"),
        core("What time does your store in {city} close on [Saturdays|Fridays]?"),
        core("How do I clean the {p} [properly|without scratching it]?"),
        core("Could you tell me if the {p} fits [a 12 cm shelf|under a seat|a small desk]?"),
        core("Do you have gift wrapping for the {p}?"),
        core("Before I buy: can the {p} be paired with [an Android phone|two phones|a laptop]?", SMART),
        core("Are spare parts sold for the {p}?"),
        core("How much power does the {p} [use|draw]?", PLUGGED),
        core("Where is the {p} made, and out of what?"),
        core("Is there a [student|teacher] discount on the {p}?"),
        core("What does the [blue|blinking] light on the {p} mean?", BATTERY),
    ],
    "feedback": [
        core("Just wanted to say the {p} is [brilliant|superb|a dream].", PRODUCTS, "positive", "low"),
        core("The {p} is the best thing I bought [this year|in ages].", PRODUCTS, "positive", "low"),
        core("Your driver on {day} was so [kind and helpful|friendly|lovely].", PRODUCTS, "positive", "low"),
        core("Lovely packaging, and the {p} works like a charm.", ELECTRIC, "positive", "low"),
        core("{name} from your support solved my problem in five minutes, what a star.", PRODUCTS, "positive", "low"),
        core("Five stars for the {p} from my whole [family|office].", PRODUCTS, "positive", "low"),
        core("I don't need anything, I only want you to know how happy we are with the {p}.", PRODUCTS, "positive", "low"),
        core("Great prices and quick delivery, keep it up.", PRODUCTS, "positive", "low"),
        core("Whoever designed the {p} deserves [a medal|a raise].", PRODUCTS, "positive", "low"),
        core("Your new website is a mess. I don't need help, just telling you.", PRODUCTS, "negative", "low"),
        core("The music in your store in {city} is [far too loud|dreadful] and drove me out.", PRODUCTS, "negative", "low"),
        core("So much plastic around one {p}, it's a disgrace. Nothing to answer, just think about it.", PRODUCTS, "negative", "low"),
        core("I won't shop here again after the way your staff in {city} spoke to me.", PRODUCTS, "negative", "low"),
        core("The advert for the {p} is [plain stupid|an insult], if you want my opinion.", PRODUCTS, "negative", "low"),
        core("Your chat bot is useless. You should know.", PRODUCTS, "negative", "low"),
        core("I find the colours of the new {p} hideous, that's all I have to say.", PRODUCTS, "negative", "low"),
        core("A suggestion: sell the {p} in [smaller sizes|green|pairs] too.", PRODUCTS, "neutral", "low"),
        core("You could add a wish list to the app, that's all.", PRODUCTS, "neutral", "low"),
        core("Here is my review of the {p}: does what it says, nothing more, nothing less.", PRODUCTS, "neutral", "low"),
        core("For your survey: I bought the {p} because of the [colour|price|size].", PRODUCTS, "neutral", "low"),
        core("An idea for the {p}: a [longer cable|bigger switch].", PLUGGED, "neutral", "low"),
        core("I filled in your survey on {day}, this is only to let you know.", PRODUCTS, "neutral", "low"),
        core("There's a spelling mistake on the box of the {p}, no need to write back.", PRODUCTS, "neutral", "low"),
    ],
}
