"""Texts on which the tokenizers must agree with the reference implementations'."""

import random

PROSE = [
    "The harbour was quiet when the ferry left, and only two gulls watched it go.",
    "She had kept every ticket of every journey, sorted by year, in a biscuit tin.",
    "By 1887 the mill employed 340 people; by 1901 it stood empty.",
    "“Nobody told me,” he said — not for the first time — “that the bridge was closed.”",
    "Rain is expected from the west by noon, clearing slowly; highs of 12–14 °C.",
    "Dr. O'Neill's well-known (if contested) theory doesn't account for 3.5% of cases...",
    "Das Mädchen aß süße Äpfel. Où est passée la clé? ¿Qué pasó mañana? Łódź, Žižkov, Ærø.",
    "Ο γρήγορος σκύλος. Быстрая лиса прыгает. Čeština je krásná. İstanbul'da.",
    "日本語の文章です。半角ｶﾅと全角ＡＢＣ。 中文句子，带标点。 한국어 문장입니다.",
    "مرحبا بالعالم، هذا نص عربي. שלום עולם, זה טקסט בעברית. سلام دنیا",
    "हिन्दी में एक वाक्य। ไทยไม่มีช่องว่าง தமிழ் உரை",
    "Total: $1,234.56 (≈ €1.1k) on 2021-03-04T05:06:07Z, i.e. ½ of ²⁄₃ × 10⁶ ± 5‰",
]
CODE = [
    "def f(x):\n    return {'a': [x ** 2 for x in range(10) if x % 2 == 0]}  # comment",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] << 2; } /* done */",
    "SELECT name, COUNT(*) FROM users WHERE age >= 21 GROUP BY name;",
    '<html><body class="x">&amp; &lt;b&gt;</body></html>',
    "\tif\t(x)\n\t\treturn\r\n;",
    "$ tar -xzvf archive.tar.gz --strip-components=1 | grep -v '^#' > out.txt",
]
ADDRESSES = [
    "https://example.org/a/b?q=%20x&r=1#top",
    "Write to first.last+tag@mail.example.com or call +1 (555) 010-9999.",
    "ftp://10.0.0.1:21/~user/ and [::1]:8080, C:\\Windows\\System32",
]
ODD = [
    "",
    " ",
    "\n",
    " \t\r\n ",
    "one\ntwo\r\nthree\rfour\n\nfive",
    "naïve café, ½ ﬁ Å ﷺ ｆｕｌｌ",
    "🎉 👩‍👩‍👧 🇩🇪 e\u0301 \u200b \ufeff \u2028 \u2029 \u00a0 x",
    "\x00a\x00b\x01\x7f\x85",
    "\u202eright to left override\u202c and \u2066isolate\u2069",
    "a\u0300\u0301\u0302\u0303 zalgo t\u0336h\u0336i\u0336s",
    "\u3000ideographic\u3000space\u2003em\u2009thin",
    "▁ and ▁the▁ lower one eighth blocks",
    "x" * 500,
    "\U0010ffff \ud7ff \ue000",
    "😀😃😄😁😆 👍🏽 ❤️ 1️⃣",
    "333 4444 55555 1,000,000.00",
]
SPECIAL = [
    "<pad>",
    "</s>",
    "<unk>",
    "<mask_1>",
    "a<mask_2>b</s>c<pad>",
    "<mask_1> and <mask_2>, <unk_2>, <unk_102> but <unk_103> <mask_3> <unk_5",
    "<<pad>> <unk_10><unk_1>",
    "<n> is a piece, \n is not",
    "Before. <mask_1> After.",
]

_RANGES = (
    *((0x00, 0x20), (0x20, 0x7F), (0x20, 0x7F), (0x80, 0x250), (0x300, 0x370)),
    *((0x370, 0x600), (0x590, 0x700), (0x900, 0xE00), (0x2000, 0x2070), (0x3000, 0x3100)),
    *((0x4E00, 0x4F00), (0xAC00, 0xAC80), (0xFF00, 0xFFEF), (0x1F300, 0x1F650), (0, 0x110000)),
)


def generated(count, seed):
    """Returns random texts from all of Unicode; the same ones for the same seed."""
    source = random.Random(seed)
    texts = []
    for _ in range(count):
        text = ""
        for _ in range(source.randint(1, 30)):
            point = source.randrange(*source.choice(_RANGES))
            if not 0xD800 <= point < 0xE000:
                text += chr(point)
            if source.random() < 0.2:
                text += " "
        texts.append(text)
    return texts


TEXTS = [*PROSE, *CODE, *ADDRESSES, *ODD, *SPECIAL]
