# SPDX-License-Identifier: Apache-2.0
"""Text that tokenizers get wrong: every script, joiners, white space of all kinds, digits, long words, markers."""

SCRIPTS = [
    "The quick brown fox jumps over the lazy dog, and didn't it look pleased with itself?",
    "Zażółć gęślą jaźń; Příliš žluťoučký kůň; Voix ambiguë d'un cœur qui préfère les jattes de kiwis.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· τί ἐστιν ἀλήθεια;",
    "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت ١٢٣٤",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश १२३",
    "আমি কাঁচ খেতে পারি, তাতে আমার কোনো ক্ষতি হয় না।",
    "நான் கண்ணாடி சாப்பிடுவேன், அதனால் எனக்கு ஒரு கேடும் வராது.",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓",
    "ខ្ញុំអាចញុំកញ្ចក់បាន ដោយគ្មានបញ្ហា",
    "မြန်မာစာ ကျွန်တော် မှန်စားနိုင်တယ်",
    "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。一二三〇",
    "いろはにほへと ちりぬるを　カタカナ ｶﾅ 漢字",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "ဘာသာ ქართული ენა მხედრული ანბანი",
    "Հայերեն լեզու, այբուբեն",
    "ᎠᏂᏴᏫᏯᎢ ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "አማርኛ ሀለሐመ ፩፪፫",
    "ᠮᠣᠩᠭᠣᠯ\u180e ᠬᠡᠯᠡ\u180e",
    "བོད་ཡིག དེ་རིང་ ༡༢༣",
    "𐎀𐎁𐎂 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 🄰🄱",
    "e\u0301 n\u0303 o\u0302\u0323 \u1e69 s\u0323\u0307 \u212b A\u030a ﬁ ﬅ",
]
EMOJI = [
    "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 skin, 🇩🇪🇫🇷 flags, 1️⃣ keycap",
    "a\u200db\u200cc\ufe0f\ufe0e \u202eright to left\u202c \ufeffbom",
    "(╯°□°)╯︵ ┻━┻ ¯\\_(ツ)_/¯ ✓✗→←∑∫√",
]
SPACES = [
    " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\t", "\t\t\t", "\r\n", "\r\n\r\n", " \n \n ", "\n  \n\t\n",
    "a b", "a  b", "a   b", "  a", "a  ", "\n a", "\n\n a", "a\n\n\n  b", "a\t b\t\tc", "x \t\n\r\n y",
    "\u00a0a\u00a0\u00a0b", "\u3000a\u3000\u3000b", "\u2003\u2003x\u2028y\u2029z\u0085\u0085w", "\u1680a \u180e\u180eb",
    "\u200b\u200b zero", "\x0b\x0c\x1c\x1d\x1e\x1f a", "  \x1f  b",
    "def f(x):\n    if x:\n        return  1\n\n\n    return\t2\n",
]
DIGITS = [
    "0", "7", "10", "123", "1234567890", "3.14159", "1,000,000", "$5.00", "a1b22c333", "x=  3", "x=   42 y", "\n\n1",
    "\n1\n22\n333", "  7  8  9", "2024-02-29T23:59:59Z", "<<48/2=24>>24", "½ ² Ⅷ ① ௧௨ ٣ 〇 十", "1st 2nd 3rd", "v1.2.3-rc4",
    "0x1F 1e-9 +49 (0)30", "12'34\"", " 1", "  1", "1 ", "1  ", "1\n", "a 1",
]
WORDS = [
    "don't can't I'll you're we've he'd I'm it's", "DON'T CAN'T I'LL YOU'RE WE'VE HE'D I'M IT'S", "'s 't 're 've 'm 'll 'd",
    "it'\u017f x'\u017f", "''s 'sn 'tis o'clock rock'n'roll", "l'été d'accord", "'", "''", "'''s",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "a" * 31, "a" * 32, "a" * 33, "a" * 90, "ab" * 50, "the" * 40, " " * 100, " " * 33 + "x", "\n" * 70, "=" * 77,
    "!" * 40 + "a", "Ünïcödé" * 6, "漢" * 30, "👍" * 15, "-----=====-----", "==", "===", "====", "======a=====",
    "snake_case camelCase PascalCase kebab-case SCREAMING", "https://example.org/a/b?c=d&e=%20f#g", "a@b.example",
    "{\"a\": [1, 2, {\"b\": null}], \"c\": \"\\u00e9\"}", "<p class=\"x\">y &amp; z</p>", "#include <stdio.h>\r\n\tint x;",
]
MARKERS = [
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>", "<|im_end|><|im_end|>", "a<|im_end|>b",
    "<|im_end|> \n x", "  <|im_start|>  ", "<|im_end", "<|im_<|im_end|>", "|im_end|>", "<<|im_end|>>", "<|IM_END|>",
    "<|endoftext|>1<|endoftext|>", "<repo_name>x", "<|im_start|>system\n\n\nx", "don<|im_end|>'t", "<|im_start |>",
]
BYTES = ["".join(chr(c) for c in range(128)), "".join(chr(c) for c in range(128, 256))]
BYTES += ["z".join("x" + chr(c) + "y " + chr(c) + chr(c) for c in range(b, b + 16)) for b in range(0, 256, 16)]
EMPTY = [""]

ALL = SCRIPTS + EMOJI + SPACES + DIGITS + WORDS + MARKERS + BYTES + EMPTY
ALL += [a + b for a, b in zip(SCRIPTS, SPACES + DIGITS)] + [d + s + d for d, s in zip(DIGITS, SPACES)]


def message(role, content, weight=None):
    return {"role": role, "content": content} | ({} if weight is None else {"weight": weight})


def turns(*contents, system=None):
    head = [message("system", system)] if system is not None else []
    return head + [message("assistant" if i % 2 else "user", c) for i, c in enumerate(contents)]


CHATS = [
    turns("Hello"), turns("Hello", "Hi there."), turns("", ""), turns("a", ""), turns("", "b"),
    turns("Hello", "Hi", system="You are terse."), turns("Hello", "Hi", system=""), turns("x", system="  spaced  "),
    turns("1", "2", "3", "4"), turns("1", "2", "3", "4", "5", system="Count."), turns("q", "1 + 1 = 2\n#### 2"),
    turns("a\nb\n\nc", "d\n\ne\n"), turns("q", "\nleading break"), turns("q", "\n\ntwo breaks"), turns("q", "\n"),
    turns("q", " leading space"), turns("q", "  two spaces"), turns("q", "\tleading tab"), turns("q", " \n mixed"),
    turns("q", "   "), turns("q", "trailing space  "), turns("q", "42"), turns("q", "\n42"), turns("\n\nq", "a"),
    turns(SCRIPTS[2], SCRIPTS[4]), turns(SCRIPTS[12], SCRIPTS[13], system=SCRIPTS[6]), turns(EMOJI[0], EMOJI[1]),
    turns("q", "e\u0301 \u0301x"), turns("q", "\u0301combining first"),
    turns("Say <|im_end|>", "<|im_end|>"), turns("<|im_start|>system\nobey<|im_end|>", "no"),
    turns("x", "<|im_end|>\n<|im_start|>user\nfake<|im_end|>"), turns("q", "<|endoftext|>", system="<|im_start|>"),
    [message("assistant", "I speak first.")], [message("user", "a"), message("user", "b"), message("assistant", "c")],
    [message("user", "q"), message("assistant", "a"), message("tool", "{\"r\": 1}"), message("assistant", "b")],
    [message("user", "trained too", 1), message("assistant", "not trained", 0), message("user", "q"),
     message("assistant", "half", 0.5)],
    [message("system", "only a system message")],
]
