# SPDX-License-Identifier: MIT
"""The small mistakes that can be made in a text in C.

Relies on the formatting of the tree: a binary operator has white space on both
sides, the star of a pointer has not.
"""

import collections
import re

import c_text

BINARY = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
    "==": ["!="], "!=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
    "&&": ["||"], "||": ["&&"],
    "&": ["|"], "|": ["&"], "^": ["&"], "<<": [">>"], ">>": ["<<"],
    "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="],
    "&=": ["|="], "|=": ["&="], "<<=": [">>="], ">>=": ["<<="],
}
STEP = {"++": "--", "--": "++"}
UNARY = {"!", "~", "-"}
# What begins no expression that could be left out.
KEYWORDS = {"if", "else", "for", "while", "do", "switch", "case", "default",
            "return", "goto", "const", "static", "struct", "enum", "union",
            "typedef", "sizeof", "unsigned", "int", "char", "float", "double",
            "void", "assert", "va_start", "va_end", "extern", "volatile"}

Mutation = collections.namedtuple("Mutation", "line at end was now")


def next_number(text):
    """The number after it, written as it is; 0 for 1."""
    digits, suffix = re.fullmatch(r"(0[xX][0-9a-fA-F]+|[^uUlLfF]+)(\w*)",
                                  text).groups()
    if digits[:2].lower() == "0x":
        return "%#x%s" % (int(digits, 16) + 1, suffix)
    if re.fullmatch(r"\d+", digits):
        return "%d%s" % ({1: 0}.get(int(digits), int(digits) + 1), suffix)
    return "%r%s" % (float(digits) + 1.0, suffix)


class Mutations(c_text.Text):
    """Collects those of one file."""

    def __init__(self, text):
        super().__init__(text)
        self.found = []
        # What stands between the brackets of a for is no statement.
        self.headed = {inside for i, token in enumerate(self.tokens)
                       if token.text == "for"
                       for inside in range(i, self.pairs[i + 1])}
        for i in self.computed():
            self.look_at(i)

    def add(self, at, end, now):
        self.found.append(Mutation(self.line_of(at), at, end,
                                   self.text[at:end], now))

    def replace(self, i, now):
        self.add(self.tokens[i].at, self.tokens[i].end, now)

    def is_spaced(self, i):
        token = self.tokens[i]
        return (self.text[token.at - 1].isspace()
                and self.text[token.end].isspace())

    def is_extent(self, i):
        """Whether a number is the length of an array that is declared."""
        before = self.tokens[max(i - 3, 0):i]
        return (len(before) == 3 and before[2].text == "["
                and before[1].kind == "name" and before[0].kind == "name"
                and before[0].text != "return")

    def look_at(self, i):
        token = self.tokens[i]
        if token.kind == "number" and not self.is_extent(i):
            self.replace(i, next_number(token.text))
        elif token.kind == "sign":
            self.look_at_sign(i, token.text)
        elif token.kind == "name":
            self.look_at_name(i, token.text)
        if (self.tokens[i - 1].text in (";", "{", "}", ")", "else")
                and i not in self.headed):
            self.look_at_statement(i)

    def look_at_sign(self, i, text):
        if text in BINARY and self.is_spaced(i):
            for other in BINARY[text]:
                self.replace(i, other)
        elif text in STEP:
            self.replace(i, STEP[text])
        elif text in UNARY and not self.text[self.tokens[i].end].isspace():
            self.replace(i, " ")

    def look_at_name(self, i, text):
        if text in ("if", "while"):
            condition = self.text[self.tokens[i + 1].at:
                                  self.tokens[self.pairs[i + 1]].end]
            # Else it is that of leaving out the '!'.
            if not re.fullmatch(r"\(!\w+\)", condition):
                at = self.tokens[i + 1].at
                self.add(at, at + len(condition), "(!%s)" % condition)
        elif text == "return":
            value = self.text[self.tokens[i].end:
                              self.tokens[self.end_of_statement(i)].at]
            if not re.fullmatch(r"\s*\d*", value):
                self.add(self.tokens[i].end, self.tokens[i].end + len(value),
                         " 1" if value.endswith("_OK") else " 0")
        elif text in ("break", "continue"):
            self.replace(i, "")

    def look_at_statement(self, i):
        """An assignment, a call or a step that could be left out."""
        first = self.tokens[i]
        if self.tokens[i - 1].text == ")" and not self.is_condition(i - 1):
            return
        if (first.kind != "name" and first.text not in ("*", "++", "--")
                or first.text in KEYWORDS):
            return
        following = self.tokens[i + 1]
        if first.kind == "name" and (following.kind == "name"
                                     or following.text in ("*", ":")):
            return
        end = self.end_of_statement(i)
        if end:
            self.add(first.at, self.tokens[end].at, "")


def mutations_of(text):
    """Every one that can be made in @p text, in the order of the text."""
    return sorted(Mutations(text).found)


def mutate(text, mutation):
    return text[:mutation.at] + mutation.now + text[mutation.end:]


def is_idle(text, mutation):
    """Whether it is known beforehand to change no result: what asks for memory
    ahead, and the 0 of {0}, which is said of all members."""
    return (mutation.was.startswith("prefetch")
            or text[mutation.at - 1:mutation.end + 1] == "{0}")
