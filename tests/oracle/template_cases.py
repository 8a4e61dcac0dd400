# SPDX-License-Identifier: Apache-2.0
"""Small templates, each to be rendered by jinja2 as transformers sets it up: what it says, and what it refuses."""

VARIABLES = {
    "n": 7, "zero": 0, "neg": -3, "f": 2.5, "big": 1e22, "tiny": 1.5e-7, "yes": True, "no": False, "nil": None,
    "s": "Hello World", "empty": "", "uni": "Größe ΣΑΣ ŒUVRE 東京 👩‍👩‍👧 ﬁn", "lines": "one\ntwo\r\nthree\u2028four\n",
    "pad": " \t x y \n ", "html": "<b a='1'>\"&\"</b>", "csv": "a,b,,c", "xs": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"],
    "mixed": [1, "a", None, True, 2.0, [1, 2], {"k": "v"}], "d": {"b": 2, "a": 1, "C": 3}, "deep": {"x": {"y": [10, 20, {"z": "end"}]}},
    "users": [{"name": "Bo", "age": 30, "city": "CA"}, {"name": "al", "age": 25, "city": "ny"},
              {"name": "Cy", "age": 30, "city": "ca", "admin": True}],
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                 {"role": "assistant", "content": "Yes?"}],
    "odd": {"items": "mine", "get": "got", "key with space": 1, "1": "one"},
}

# One expression each: rendered as {{ expression }}.
EXPRESSIONS = r'''
1 + 2 * 3 ** 2
2 ** 3 ** 2
-2 ** 2
(-2) ** 2
2 ** -1
7 / 2
8 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
-7.5 // 2
-7.5 % 2
7.5 % -2
1e16
1e15
123456789012345678
1e22 + 1
0.1 + 0.2
1.0
-0.0
1e-4
1e-5
1_000.5
0x1F + 0b11 + 0o17
1_0
3.0 * 2
true + true
true * 3
1 / 0
1 // 0
1.5 % 0
0 ** -1
9223372036854775807
-9223372036854775807 - 1
10 ** 18
2 ** 0.5
(-8) ** 0.5
1 if yes else 2
1 if no
(1 if no) is defined
1 if no else 2 if no else 3
not yes
not no and yes
yes or 1/0
no and 1/0
0 or "" or nil or "last"
1 and "x" and []
nil or no
1 < 2 < 3
1 < 2 > 3
1 == 1.0 == true
"a" < "b"
"a" < "B"
"é" > "z"
[1, 2] < [1, 3]
[1] < [1, 0]
(1, 2) == [1, 2]
[1, 2] == [1.0, true + 1]
1 < "a"
nil < 1
{} == {}
{"a": 1, "b": 2} == {"b": 2, "a": 1}
nil == none
missing == other
missing == none
missing != 1
1 in xs
9 not in xs
"lo W" in s
"" in s
1 in s
"b" in d
1 in d
"x" in missing
"x" in nil
[] in d
"a" in ("a", "b")
not 1 in xs
1 is in xs
"a" ~ 1 ~ none ~ 1.5 ~ true ~ [1]
"a" + "b" "c" 'd'
"a" + 1
1 + "a"
"ab" * 3
3 * "ab"
"ab" * -1
[1, 2] * 2
[1] + [2]
(1,) + (2, 3)
[1] + (2,)
d + d
"a" - "b"
-"a"
+yes
- -3
-n | abs
-n.real
(-n) | abs
n is number
n is string
f is float
f is integer
yes is integer
yes is boolean
yes is number
nil is none
missing is defined
missing is undefined
missing is not defined
missing is none
xs is iterable
xs is sequence
xs is mapping
d is mapping
d is sequence
s is iterable
s is sequence
n is iterable
range is callable
s is callable
s.upper is callable
3 is odd
4 is even
-3 is odd
9 is divisibleby 3
9 is divisibleby(4)
"abc" is lower
"ABC" is upper
"AbC" is upper
"123" is lower
1 is eq 1
1 is equalto(1.0)
1 is ne 2
1 is lt 2
1 is gt 2
3 is ge 3
3 is le 2
3 is greaterthan 2
"upper" is filter
"nope" is filter
"odd" is test
yes is sameas true
1 is sameas true
nil is sameas none
1 is true
yes is true
no is false
1 is nothing
1 is not odd
not 1 is odd
1 is odd and 2 is even
"a" is in "abc"
s[0]
s[-1]
s[99]
s[1:4]
s[::-1]
s[-5:]
s[:-6]
s[::2]
s[8:2:-2]
s[100:]
s[2:2]
s[::0]
s[nil:3]
s["a"]
s[1.5]
s[yes]
uni[0:5]
uni[2]
uni[::-1]
uni | length
xs[0]
xs[-1]
xs[5]
xs[5].foo
xs[1:]
xs[::-1]
xs[xs[:]]
xs[s[1:2]]
d[s[:0]]
xs[:2] + xs[2:]
xs.0
xs["0"]
(1, 2, 3)[1:]
(1, 2, 3)[::-1]
range(10)[2:5]
range(10)[::3]
range(10)[3]
range(10)[-1]
range(3)
range(1, 10, 3) | list
range(5, 0, -2) | list
range(0) | list
range(3, 1) | list
range(1, 2, 0)
range(100000) | length
range(100001) | length
range(2, 3.5)
5 in range(10)
5 in range(0, 10, 2)
6.0 in range(0, 10, 2)
range(3) == range(0, 3, 1)
d.a
d["a"]
d.missing
d.missing.more
d["missing"]["more"]
d.missing is defined
d["missing"] | default("none")
d.items()
d.items() | list
d.keys() | list
d.keys()
d.values() | list
d.get("a")
d.get("z")
d.get("z", 9)
d.get()
d.pop("a")
d.update({"z": 1})
d.setdefault("q", 1)
d.clear
d.copy()
d.__class__
d | length
odd.items
odd["items"]
odd.get
odd["key with space"]
odd["1"]
odd[1]
deep.x.y[2].z
deep["x"]["y"][0] + deep.x.y.1
deep.x.y[-1]["z"][::-1]
nil.foo
nil.foo.bar
nil["foo"]
missing.foo
missing["foo"]
missing[1:]
missing()
missing + 1
missing ~ "x"
"x" ~ missing ~ "y"
missing | upper
missing | length
missing | list
missing | join(",")
missing | int
missing | float
missing | string
missing | first
missing | default("d")
nil | default("d")
nil | default("d", true)
"" | default("d")
"" | d("d", true)
"" | default("d", boolean=true)
missing | default
missing < 1
-missing
not missing
[missing]
[missing] | length
xs.append(4)
xs.pop()
xs.sort()
xs.index(2)
xs.index(9)
xs.count(1)
xs.copy()
xs.foo
xs.foo()
n.foo
n()
s()
s.foo()
s.upper()
s.lower()
s.title()
"they're bill's ǆ 3rd".title()
"ABC dEF".capitalize()
"ßtraße ﬁx".upper()
"ΑΣ ΑΣΑ Σ".lower()
"İI".lower()
uni.upper()
uni.lower()
uni.title()
uni.capitalize()
pad.strip()
pad.lstrip()
pad.rstrip()
"xxhixyx".strip("xy")
"xxhixyx".lstrip("xy")
"xxhixyx".rstrip("yx")
"héé".rstrip("é")
s.strip(nil)
s.strip(1)
csv.split(",")
csv.split(",", 1)
csv.split(",", maxsplit=2)
csv.split(sep=",")
csv.split("")
csv.rsplit(",", 1)
csv.rsplit(",")
" a  b c ".split()
" a  b c ".split(none, 1)
" a  b c ".rsplit(none, 1)
" a  b c ".split(" ")
"".split()
"".split(",")
"a<sep>b<sep>c".split("<sep>")[-1]
"a<sep>b<sep>c".split("<sep>")[0].strip()
lines.splitlines()
lines.splitlines(true)
"a\n\nb".splitlines()
"".splitlines()
s.startswith("Hell")
s.startswith(("x", "He"))
s.startswith("World", 6)
s.startswith("x", 0, 3)
s.startswith(1)
s.startswith([1])
s.endswith("World")
s.endswith(("x", "ld"))
s.endswith("Wor", 0, 9)
s.replace("o", "0")
s.replace("o", "0", 1)
s.replace("", "-")
s.replace("", "-", 3)
s.replace("l", "")
s.replace("o", 0)
s.replace("zz", "y")
s.find("o")
s.find("o", 5)
s.find("o", 0, 3)
s.find("zz")
s.find("", 99)
s.rfind("o")
uni.find("東")
uni.rfind("Σ")
s.index("World")
s.index("zz")
s.count("l")
s.count("")
"aaaa".count("aa")
"-".join(["a", "b"])
"-".join("abc")
"-".join([1])
"-".join([])
"a-b-c".partition("-")
"a-b-c".rpartition("-")
"abc".partition("-")
"abc".rpartition("-")
"abc".removeprefix("a")
"abc".removesuffix("bc")
"abc".removeprefix("x")
"ab".center(7) ~ "|"
"ab".center(6, "*")
"abc".center(6, "*")
"abc".center(7, "*")
"ab".ljust(5, ".") ~ "ab".rjust(5)
"42".zfill(5)
"-42".zfill(5)
"abc".isalpha()
"ab1".isalnum()
"12".isdigit()
"²".isdigit()
"½".isnumeric()
"".isdigit()
" ".isspace()
"é".isascii()
"Abc".isupper()
"{} and {}".format(1, "b")
"{0}{1}{0}".format("a", "b")
"{a}-{b.x.y[0]}".format(a=1, b=deep)
"{:>5}|{:<5}|{:^5}|".format("a", "b", "c")
"{:*^7}".format("mid")
"{:05d} {:+d} {:x} {:#X} {:b}".format(42, 42, 255, 255, 5)
"{:.2f} {:8.3f} {:e}".format(3.14159, 2.5, 12345.678)
"{:,} {:_}".format(1234567, 1234567)
"{:.1%}".format(0.256)
"{!r} {!s}".format("a", "b")
"{{}} {}".format(1)
"{} {}".format(1)
"{0} {}".format(1)
"{".format(1)
"}".format(1)
"{x}".format(1)
"{:.3}".format("abcdef")
"{:.3}".format(2.0)
"{:>{w}}".format("a", w=4)
"{:d}".format("a")
"{:5}".format(true)
"{}".format(none)
"{:5}".format(none)
"%s is %d" % ("x", 3)
"%s" % "x"
"%s" % [1, 2]
"%s" % missing
"%5s|%-5s|%05d|%+d|% d" % ("a", "b", 42, 42, 42)
"%.2f %5.1f %e %g" % (3.14159, 2.25, 12345.678, 0.00001)
"%x %X %o %#x" % (255, 255, 8, 255)
"%x" % -255
"%c%c" % ("a", 98)
"%r" % "a'b"
"%(a)s %(b)05.1f" % {"a": 1, "b": 2.25}
"%%" % ()
"%s %s" % "x"
"%s" % (1, 2)
"%d" % "x"
"%d" % 3.9
"%y" % 1
"%" % 1
"%(a)s" % 1
"%*d" % (5, 3)
"%-*d|" % (5, 3)
"%s" % {"a": 1}
"%i %u" % (1, 2)
"%.3s" % "abcdef"
"%f" % true
"abc" | upper
"ABC" | lower
"hello wORLD foo-bar (baz)" | title
uni | title
uni | capitalize
12 | upper
pad | trim
"xxaxx" | trim("x")
[1] | trim
s | replace("o", "0")
s | replace("o", "0", 1)
12 | replace(1, "x")
s | length
xs | length
d | count
n | length
nil | length
xs | join
xs | join("-")
xs | join("-") | upper
users | join(", ", attribute="name")
users | join(attribute="age", d="/")
"abc" | join(".")
d | join(",")
mixed | join("|")
n | join
[["a", "b"], ["c"]] | map("join", "+") | join(" ")
xs | first
xs | last
[] | first
[] | last
"abc" | first
"abc" | last
d | first
d | last
xs | map("string") | first
xs | map("string") | last
nil | first
"abc" | list
d | list
d.items() | list
5 | list
d | items | list
nil | items
d | dictsort
d | dictsort(true)
d | dictsort(false, "value")
d | dictsort(by="value", reverse=true)
d | dictsort(by="x")
xs | dictsort
xs | sort
xs | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
words | sort(true)
users | sort(attribute="age") | map(attribute="name") | list
users | sort(attribute="age,name") | map(attribute="name") | join
users | sort(true, attribute="age") | map(attribute="name") | join
users | sort(attribute="nope") | length
mixed | sort
"bca" | sort
words | unique | list
words | unique(true) | list
users | unique(attribute="city") | map(attribute="name") | list
xs | reverse | list
"abc" | reverse
d | reverse | list
xs | map("string") | reverse | list
5 | reverse
xs | map("float") | list
words | map("upper") | list
words | map("replace", "p", "P") | list
words | map("default", "x") | join
users | map(attribute="name") | list
users | map(attribute="admin", default=false) | list
users | map(attribute="admin") | list
users | map(attribute="name", foo=1) | list
[deep] | map(attribute="x.y.0") | list
[[1, 2], [3, 4]] | map(attribute=1) | list
xs | map
xs | map("nope") | list
nil | map("upper") | list
xs | select("odd") | list
xs | select("gt", 1) | list
xs | select(">", 1) | list
[0, 1, "", "a", none] | select | list
[0, 1, "", "a", none] | reject | list
xs | reject("odd") | list
xs | select("divisibleby", 2) | list
users | selectattr("admin") | map(attribute="name") | list
users | selectattr("admin", "defined") | map(attribute="name") | list
users | selectattr("age", "equalto", 30) | map(attribute="name") | list
users | selectattr("age", "==", 30) | list | length
users | rejectattr("age", "lt", 30) | map(attribute="name") | join(",")
users | rejectattr("admin") | map(attribute="name") | join(",")
messages | selectattr("role", "eq", "user") | first
messages | selectattr("role", "ne", "system") | list | length
messages | rejectattr("role", "in", ["system", "user"]) | map(attribute="content") | join
messages | selectattr() | list
xs | select("nope") | list
xs | min
xs | max
words | min
words | max
words | max(case_sensitive=true)
users | max(attribute="age")
[] | min
[] | max is defined
[1, "a"] | max
xs | sum
[] | sum
users | sum(attribute="age")
xs | sum(start=10)
[[1], [2]] | sum(start=[])
words | sum
[0.1, 0.2, 0.3] | sum
xs | batch(2) | list
xs | batch(2, "x") | list
range(7) | slice(3) | list
range(7) | slice(3, "x") | list
users | groupby("city") | map("first") | list
users | groupby("city") | map("last") | map("length") | list
users | groupby("age")
users | groupby("admin", default=false) | map(attribute="grouper") | list
users | groupby("city", case_sensitive=true) | map(attribute="0") | list
3.7 | int
-3.7 | int
"42" | int
" 42 " | int
"4_2" | int
"42.9" | int
"x" | int
"x" | int(5)
"ff" | int(base=16)
"0xff" | int(0, 16)
"0b11" | int(0, 0)
none | int
[1] | int(7)
yes | int
"1e3" | int
"3.5" | float
" 3.5 " | float
"x" | float
"x" | float(1.5)
"inf" | float
"1_0.5" | float
none | float
5 | float
"nan" | float
-3 | abs
-3.5 | abs
"x" | abs
yes | abs
2.5 | round
3.5 | round
-2.5 | round
2.675 | round(2)
42.55 | round(1, "floor")
42.51 | round(1, "ceil")
42 | round
45 | round(-1)
1234.5678 | round(-2)
42.5 | round(method="x")
"x" | round
1e300 | round(2)
"a\nb\n\nc" | indent
"a\nb\n\nc" | indent(2)
"a\nb\n\nc" | indent(2, true)
"a\nb\n\nc" | indent(2, first=true, blank=true)
"a\nb" | indent("> ")
"a\r\nb\n" | indent(1) ~ "|"
"" | indent(2, true) ~ "|"
5 | indent
html | escape
html | e
html | safe
"a" | safe | upper
5 | string
xs | string
missing | string ~ "|"
nil | string
"ab" | center(6) ~ "|"
s | truncate(5)
s | truncate(9, true)
s | truncate(8, false, "~", 0)
s | truncate(3, leeway=0)
s | truncate(1)
"foo bar baz qux" | truncate(9)
"one two, three's" | wordcount
"%s-%s" | format("a", 1)
"%(a)s" | format(a=1)
"%s" | format("a", b=1)
"%s" | format
d | attr("items") is callable
d | attr("a") is defined
d | tojson
mixed | tojson
deep | tojson(indent=2)
deep | tojson(indent=0)
deep | tojson(indent="--")
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}] | tojson(indent=1)
uni | tojson
uni | tojson(ensure_ascii=true)
uni | tojson(true)
html | tojson
d | tojson(sort_keys=true)
d | tojson(separators=(",", ":"))
d | tojson(indent=2, separators=(", ", " : "))
"tab\tquote\"back\\slash\u0001\u007f/" | tojson
"\u007f" | tojson(ensure_ascii=true)
1.0 | tojson
1e22 | tojson
0.1 | tojson
"nan" | float | tojson
"-inf" | float | tojson
(1, 2) | tojson
{1: "a", none: 2, true: 3, 1.5: 4} | tojson
{(1, 2): 3} | tojson
missing | tojson
[missing] | tojson
range(3) | tojson
d.items() | tojson
d.items() | list | tojson
namespace(a=1) | tojson
d | tojson(4)
d | tojson(indent=true)
d | tojson(nope=1)
"x" | tojson | length
[1, 2.5, none, true, "a'b", 'c"d', "e'\"f", {"k": (1,)}, ()] | string
"\x01\x7f\u200b\ud7ff\ue000é\U0001F600\t\\" | list | string
["\u00ad", "\u2028", "\u3000", "\u0378"]
{"a": {"b": [1, {"c": none}]}}
{}
[]
()
(1,)
(1, 2)
[1, 2,]
{"a": 1,}
{"a": 1, "a": 2}
{1: "x"}[1.0]
{true: "x"}[1]
{none: 1}
{[1]: 2}
{(1, 2): "t"}[(1, 2)]
namespace(a=1, b="x").b
namespace({"a": 1}).a
namespace([("a", 1)]).a
namespace(a=1)
namespace(a=1)["a"]
namespace(a=1).zz is defined
namespace(_a=1)
namespace(1)
dict(a=1, b=2)
dict({"a": 1}, b=2)
dict([("x", 1), ("y", 2)])
dict(1)
raise_exception("stop here")
raise_exception()
strftime_now("%Y-%m-%d")
strftime_now("%d %b %Y, %H:%M:%S %A %B %j %%")
strftime_now("")
"a" "b" ~ "c"
"line\
break"
"\n\t\r\\\'\"\a\b\f\v" | length
"\x41\u00e9\U0001F600\101\7" | length
"\q"
'\x4'
"\u12"
"\N{DIGIT ONE}" | length
'single \'quoted\' "double"'
"mul
ti"
s.upper().lower().title()
(s | upper).lower()
s | upper | lower | first
xs | sort | first + 1
"a" if s | length > 5 else "b"
s | length + 1
(s | length) + 1
-xs | length
xs | length * 2
s is string and n is number or nope
[x, y]
"a" , "b"
(yes, no)
xs[0], xs[1]
n if n > 5
caller
loop
self
varargs
true
True
none
None
False
lipsum is defined
cycler is defined
foo bar
1 +
(1
[1
{"a" 1}
1 ==
"unclosed
a.
a.1.2
xs[
x | 
x | 5
x is
x is 5
1 is odd is even
f(a=1, a=2)
f(a=1, 2)
f(*xs, **d, 1)
"{}{}{}".format(*xs)
dict(**d)
dict(**{"x": 1})
dict(*[[("q", 1)]])
dict(**xs)
namespace(**{"a": 3}).a
s.split(",", **{"maxsplit": 1})
s | nope
s | nope if no else "fine"
"x" if s is nope else "y"
s | urlize
1 $ 2
a ? b
"x" & "y"
[1, 2] | map("abs", 3) | list
xs | sort(nope=1)
s | upper(1)
s | default(1, 2, 3)
d.get("a", 1, 2)
s.upper(1)
s.split(nope=1)
messages[0]["role"] == "system"
messages[0].role != 'system'
messages[1:] | length
messages[-1].content ~ "<|im_end|>\n"
messages | map(attribute="role") | list
messages | last
(messages | last).content[:1]
loop.index
s in messages[0]
"tool_calls" in messages[0]
messages[0].tool_calls
messages[0].tool_calls is defined and messages[0].tool_calls
messages[0].tool_calls[0]
messages[0].get("tool_calls", [])
messages[0].content is string
messages[0].content.strip().split()
'\n\n'.join(messages | map(attribute='content'))
(messages | length) - 1
messages[(messages | length) - 1].role
messages[::-1][0].role
messages | selectattr("role", "equalto", "tool") | list
(messages | selectattr("role", "equalto", "user") | list)[0].content
"abc"[0] in ["a"]
"abc" in {"abc": 1}
1.5 in [1.5]
1 in [true]
nil in [none]
[1] in [[1]]
d in [d]
xs == [3, 1, 2]
xs != xs
'a' == "a"
1 == "1"
true == 1
n // 2 * 2 == n - 1
n % 2 == 1
10 - 3 - 2
100 / 10 / 2
"a" ~ 1 + 2
"a" ~ 2 * 3
1 ~ 2 ~ 3
1 + 1 ~ "b"
2 * "a" ~ "b"
not n > 5
not (n > 5) == yes
n > 5 and n < 10
n in [7] and "x" or "y"
[1, 2, 3][1:][0]
{"a": [1, 2]}.a[1]
{"a": 1}["b"] | default("q")
(1 + 2) * 3
((1))
"%s" | format(xs)
'%0.3f' | format(1/3)
1/3
2/3
1e100
5e-324
1.7976931348623157e308
123456.789e3
100000000000000000000.0
12345678901234567.0
0.00001234
'''

# Whole templates.
TEMPLATES = [
    # White space.
    "a\n{% if yes %}\n  b\n{% endif %}\nc\n", "  {% if yes %}x{% endif %}  \n  y", "a\n  {%+ if yes %}x{% endif +%}\n b",
    "a  {%- if yes -%}  x  {%- endif -%}  b", "a\n{#- c -#}\nb", "a\n  {# c #}\nb\n", "a {# {{ x }} #} b", "a {#+ c +#}\nb",
    "x {{- ' y ' -}} z", "x\n\n{{- 1 -}}\n\ny", "\n\n{{ 1 }}\n\n", "{{ 1 }}\n", "{{ 1 }}\n\n", "a\r\nb\rc{% if 1 %}\r\nd{% endif %}",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "a {%- raw -%} {{ x }} {%- endraw -%} b", "  {% raw %}\n x{% endraw %}\ny",
    "{% raw %}x", "{# open", "{{ 'a' }", "{% if yes %}", "{% endif %}", "{% nope %}", "{{ }}", "{% %}", "text only", "", "{", "{ {", "}}", "%}",
    "{{ '}}' }}{{ \"%}\" }}", "{{ {'a': {'b': 1}}['a'] }}", "{{ {'a': {'b': 1}} }}", "{%if yes%}tight{%endif%}", "{{yes}}{{-no}}",
    "\u00a0{%- if yes %}x{% endif %}", "a \u2003\n{%- if yes %}x{% endif %}", "{%- if yes %}\n\nx\n{%- endif %}", "  {{ 1 }}\n  {% set x = 1 %}\n  {{ x }}",
    # if
    "{% if no %}a{% elif nil %}b{% elif yes %}c{% else %}d{% endif %}", "{% if no %}a{% else %}b{% endif %}", "{% if %}x{% endif %}",
    "{% if no %}a{% else %}b{% elif 1 %}c{% endif %}", "{% if xs, %}tuple{% endif %}", "{% if yes: %}colon{% endif %}",
    # for
    "{% for x in xs %}{{ x }},{% endfor %}", "{% for x in [] %}x{% else %}none{% endfor %}", "{% for x in xs %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }} {% endfor %}", "{% for x in xs if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in 'añb' %}[{{ c }}]{% endfor %}",
    "{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}", "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}", "{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in 5 %}{{ x }}{% endfor %}", "{% for x in nil %}{{ x }}{% endfor %}", "{% for x in missing %}{{ x }}{% else %}e{% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}", "{% for x in xs %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1, 1, 2, 2, 1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}", "{% for x in xs %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in xs %}{{ loop.foo }}{% endfor %}|", "{% for x in xs %}{{ loop['index'] }}{% endfor %}", "{% for x in xs|map('string') %}{{ loop.length }}{{ loop.last }}{{ x }} {% endfor %}",
    "{% for x in xs if x != 2 %}{{ loop.length }}{{ loop.last }}{{ x }} {% endfor %}", "{% for x in xs if x != 1 %}{{ loop.nextitem }}.{{ loop.revindex }} {% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% continue %}{% else %}e{% endfor %}", "{% for x in xs %}{% break %}{% else %}e{% endfor %}", "{% for x in xs %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% else %}e{% endfor %}", "{% break %}",
    "{% for x in xs %}{% for y in xs %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}", "{% for x in xs %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for x in xs %}{% for y in 'ab' %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}{{ x }}", "{% set x = 9 %}{% for x in xs %}{{ x }}{% endfor %}{{ x }}",
    "{% for x in xs %}{% set y = x %}{{ y }}{% endfor %}{{ y }}", "{% set y = 0 %}{% for x in xs %}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}",
    "{% for x in xs %}{% if loop.first %}{% set y = 1 %}{% endif %}{{ y }}{% endfor %}", "{% for x in xs recursive %}{{ x }}{% endfor %}", "{% for loop in xs %}x{% endfor %}", "{% for x in xs %}{% set loop = 1 %}{% endfor %}",
    "{% for x in xs %}{{ loop }}{% endfor %}", "{% set g = xs|map('string') %}{{ g|join }}{{ g|join }}|", "{% for x.y in xs %}{% endfor %}", "{% for 1 in xs %}{% endfor %}", "{% for x in xs|sort %}{{ x }}{% endfor %}",
    "{% for x in xs, d %}{{ x|length }}{% endfor %}", "{% for i in range(2) %}{% for j in range(2) if j != i %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% set ns = namespace(last=0) %}{% for x in [1, 2, 3, 4] if x != ns.last + 1 %}{{ x }}{% set ns.last = x %}{% endfor %}",
    "{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role }} {% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|length }} {% endfor %}",
    "{% for city, us in users|groupby('city') %}{{ city }}:{{ us|map(attribute='name')|join('+') }} {% endfor %}",
    # set
    "{% set x = 1 %}{{ x }}", "{% set x, y = 1, 2 %}{{ x }}{{ y }}", "{% set x, y = [1, 2, 3] %}", "{% set x = 1, 2 %}{{ x }}", "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}", "{% set a, = [1] %}{{ a }}",
    "{% set x %}a{{ 1 }}b{% endset %}{{ x }}", "{% set x | upper %}abc{% endset %}{{ x }}", "{% set x | replace('a', 'b') | upper %}aca{% endset %}{{ x }}", "{% set x %}{% set y = 2 %}{{ y }}{% endset %}{{ x }}{{ y }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}", "{% set ns = namespace(a=0) %}{% for x in xs %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}", "{% set d.x = 1 %}", "{% set zz.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace() %}{% set ns.a %}blk{% endset %}{{ ns.a }}", "{% set x = ns = 1 %}", "{% set true = 1 %}", "{% set x[0] = 1 %}", "{% set x.y.z = 1 %}", "{% set 'a' = 1 %}", "{% set x %}",
    "{% if yes %}{% set x = 1 %}{% endif %}{{ x }}", "{% if no %}{% set x = 1 %}{% endif %}[{{ x }}]", "{% if no %}{% set n = 1 %}{% endif %}[{{ n }}]", "{% if no %}{% set n = 1 %}{% else %}{% set n = 2 %}{% endif %}[{{ n }}]",
    "{% set n = n + 1 %}{{ n }}", "{{ n }}{% set n = 1 %}{{ n }}", "{% for x in xs %}{{ n }}{% endfor %}{% set n = 1 %}", "{% for x in xs %}{{ n }}{% set n = n + 1 %}{{ n }} {% endfor %}{{ n }}", "{% for x in xs %}{% set n = 5 %}{{ n }}{% endfor %}{{ n }}",
    "{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools }}", "{% if no %}{% elif yes %}{% set q = 3 %}{% endif %}{{ q }}", "{% if no %}{% set q = 1 %}{% elif nil %}{% set q = 2 %}{% endif %}[{{ q }}]", "{% with %}{% set w = 1 %}{{ w }}{% endwith %}[{{ w }}]",
    "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% for i in [1] %}{% set a = 3 %}{% endfor %}{% endif %}{{ a }}", "{% set x = xs %}{{ x is sameas xs }}",
    # with, filter
    "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a = n %}{% set n = 1 %}{{ a }}{{ n }}{% endwith %}{{ n }}", "{% with a, b = (1, 2) %}{{ b }}{% endwith %}", "{% filter upper %}a{{ s }}b{% endfilter %}", "{% filter replace('a', 'b') | upper %}aca{% endfilter %}",
    "{% filter nope %}x{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter trim %}\n  x  \n{% endfilter %}", "{% for x in xs %}{% filter upper %}q{% if x == 1 %}{% break %}{% endif %}{% endfilter %}{{ x }}{% endfor %}",
    "{% print 1, 'a', xs %}", "{% print %}",
    # macro, call
    "{% macro m(a, b=2) %}{{ a }}-{{ b }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, c=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a) %}{{ a }}{{ varargs|length }}{% endmacro %}{{ m(1, 2, 3) }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=n, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}",
    "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m() %}{{ n }}{% endmacro %}{% set n = 1 %}{{ m() }}", "{% macro m() %}{{ q }}{% endmacro %}{{ m() }}{% set q = 1 %}{{ m() }}", "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% macro m(x) %}{% set n = x %}{{ n }}{% endmacro %}{{ m(1) }}{{ n }}", "{% macro f(x) %}{% if x > 0 %}{{ x }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(4) }}", "{% macro a() %}[{{ b() }}]{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}",
    "{% macro m() %}x{% endmacro %}{{ m }}{{ m.name }}", "{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}{{ m(none) }}", "{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}in{{ n }}{% endcall %}",
    "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m(caller) %}{{ caller() }}{% endmacro %}",
    "{% macro m(caller=none) %}{{ caller is none }}{% endmacro %}{{ m() }}", "{% macro m(x) %}{{ x|upper }}{% endmacro %}{{ m('a') ~ m('b') }}{{ m('c')|length }}", "{% macro outer() %}{% macro inner(x) %}<{{ x }}>{% endmacro %}{{ inner(1) }}{% endmacro %}{{ outer() }}", "{% macro m() %}  x  {% endmacro %}[{{ m() }}][{{ m()|trim }}]",
    "{% call missing() %}x{% endcall %}", "{% call 5 %}x{% endcall %}", "{% macro true() %}{% endmacro %}", "{% macro m(x) -%}\n{{ x }}\n{%- endmacro %}{{ m(1) }}", "{% for x in xs %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(xs) %}{% for x in xs %}{{ x }}{{ loop.last }}{% endfor %}{% endmacro %}{{ m([1, 2]) }}",
    "{% macro m(d) %}{% for k, v in d.items() %}{{ k }}:{% if v is mapping %}{{ m(v) }}{% else %}{{ v }}{% endif %};{% endfor %}{% endmacro %}{{ m({'a': 1, 'b': {'c': 2}}) }}", "{% set m = namespace %}{{ m(a=1).a }}", "{% macro m() %}{% generation %}g{% endgeneration %}{% endmacro %}{{ m() }}",
    # generation
    "a{% generation %}b{{ n }}{% endgeneration %}c", "{% generation %}{% set zz = 1 %}{{ zz }}{% endgeneration %}[{{ zz }}]", "{% for x in xs %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% for x in xs %}{% generation %}{{ loop.index }}{{ x }}{% endgeneration %}{% endfor %}",
    "{%- generation -%}\n x \n{%- endgeneration -%}\n y", "{% generation %}x", "{% endgeneration %}",
    # refused
    "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% do x %}", "{% trans %}x{% endtrans %}", "{% debug %}",
    # sandbox
    "{{ ''.__class__.__mro__ }}", "{{ ''.__class__ }}|", "{{ s.format.__globals__ }}", "{{ '{0.__class__}'.format(1) }}|", "{{ d.update }}|", "{% set x = xs.append(1) %}{{ x }}", "{{ xs.append is defined }}", "{{ namespace.__init__ }}|", "{{ range(10**9) }}", "{{ [1].__len__() }}",
    "{{ (1).__add__(2) }}", "{{ 'a'.join.__self__ }}", "{{ ('a' | attr('__class__')) is defined }}", "{{ raise_exception('x' ~ n) }}", "{% if 0 %}{{ raise_exception('x') }}{% endif %}ok",
    # undefined in filters and tests inside an if
    "{% if no %}{{ s|nope }}{% endif %}ok", "{% if no %}{{ s is nope }}{% endif %}ok", "{% if yes %}{{ s|nope }}{% endif %}", "{% for x in [] %}{{ s|nope }}{% endfor %}", "{% if no %}{% for x in [] %}{{ s|nope }}{% endfor %}{% endif %}", "{{ s|nope }}",
    # what published templates do
    "{{- bos_token }}{%- for message in messages %}{{- '<|' + message['role'] + '|>\\n' + message['content'] | trim + '<|end|>\\n' }}{%- endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{{ message.content }}{% endfor %}{{ system_message }}",
    "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool and message.role == 'user' and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}{{ ns.last_query_index }}{{ ns.multi_step_tool }}",
    "{%- for message in messages %}{%- set content = message.content %}{%- set reasoning_content = '' %}{%- if message.reasoning_content is string %}{%- set reasoning_content = message.reasoning_content %}{%- else %}{%- if '</think>' in content %}{%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}{%- endif %}{{ content }}{%- endfor %}",
    "{%- if strftime_now is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{{ date_string }}",
    "{%- macro render_item_list(item_list, tag_name='required') %}{%- if item_list is defined and item_list is iterable and item_list | length > 0 %}{%- if tag_name %}{{- '\\n<' ~ tag_name ~ '>' -}}{% endif %}{{- '[' }}{%- for item in item_list -%}{%- if loop.index > 1 %}{{- ', '}}{% endif -%}{%- if item is string -%}{{ '`' ~ item ~ '`' }}{%- else -%}{{ item }}{%- endif -%}{%- endfor -%}{{- ']' }}{%- if tag_name %}{{- '</' ~ tag_name ~ '>' -}}{% endif %}{%- endif %}{%- endmacro %}{{ render_item_list(['a', 1]) }}{{ render_item_list([]) }}{{ render_item_list(missing) }}{{ render_item_list(xs, '') }}",
    "{%- for key in d.keys() | list | sort %}{{ key }}{% if not loop.last %}, {% endif %}{% endfor %}", "{%- set tool = {'type': 'function', 'function': {'name': 'f', 'parameters': d}} %}{%- for key, val in tool.items() if key != 'return' %}{{ '\"' + key + '\": ' + val|tojson }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{{ (messages|map(attribute='content')|list)[1] }}", "{% set content = messages[1].content if messages[1].content is string else '' %}{{ content }}", "{{ messages[0]['content']|trim if messages else '' }}",
]

# What Jinja renders and Hone refuses by name: complex numbers, attributes of numbers, names of characters, what makes
# web pages, recursive loops, the template itself.
REFUSED = {"{{ (-8) ** 0.5 }}", "{{ -n.real }}", '{{ "\\N{DIGIT ONE}" | length }}', "{{ s | urlize }}",
           "{% for x in xs recursive %}{{ x }}{% endfor %}", "{{ self }}"}
