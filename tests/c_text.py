# SPDX-License-Identifier: MIT
"""What a text in C consists of."""

import bisect
import collections
import re

TOKEN = re.compile(r"""
    (?P<skip>   /\*.*?\*/ | //[^\n]* | ^[ \t]*\#(?:\\\n|[^\n])* | \s+ )
  | (?P<text>   "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
  | (?P<number> 0[xX][0-9a-fA-F]+[uUlL]*
              | (?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[uUlLfF]* )
  | (?P<name>   [A-Za-z_]\w* )
  | (?P<sign>   <<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|. )
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)

Token = collections.namedtuple("Token", "kind text at end")


def tokens_of(text):
    """The tokens without comments, white space and preprocessor lines."""
    found = (Token(m.lastgroup, m.group(), m.start(), m.end())
             for m in TOKEN.finditer(text))
    return [token for token in found if token.kind != "skip"]


def matching(tokens):
    """The index of what closes each bracket, and of what opens it."""
    pairs, stack = {}, []
    for i, token in enumerate(tokens):
        if token.text in "([{" and token.kind == "sign":
            stack.append(i)
        elif token.text in ")]}" and token.kind == "sign" and stack:
            pairs[i] = stack.pop()
            pairs[pairs[i]] = i
    return pairs


def computed(tokens, pairs):
    """The indices inside the bodies of functions, and where values are given to
    what has a name at the outermost level."""
    inside, i, initialising = [], 0, False
    while i < len(tokens):
        text = tokens[i].text
        if text == "{":
            if initialising or tokens[i - 1].text == ")":
                inside.append((i, pairs[i]))
                i = pairs[i]
        elif text == "=":
            initialising = True
        elif text == ";":
            initialising = False
        i += 1
    return inside


class Text:
    """The tokens of a file, the brackets that belong together, and the lines."""

    def __init__(self, text):
        self.text = text
        self.tokens = tokens_of(text)
        self.pairs = matching(self.tokens)
        self.ends = [m.start() for m in re.finditer("\n", text)]

    def computed(self):
        """The indices of all tokens that a program executes, or a table holds."""
        for first, last in computed(self.tokens, self.pairs):
            yield from range(first + 1, last)

    def line_of(self, at):
        return bisect.bisect_left(self.ends, at) + 1

    def is_condition(self, i):
        """Whether ')' closes what an if or a loop looks at."""
        opening = self.pairs[i]
        return self.tokens[opening - 1].text in ("if", "for", "while", "switch",
                                                 "EACH")

    def begin_of_statement(self, i):
        """The index of the first token of the statement with this one."""
        while self.tokens[i - 1].text not in (";", "{", "}", "else"):
            if self.tokens[i - 1].text == ")":
                if self.is_condition(i - 1):
                    break
                i = self.pairs[i - 1]
            else:
                i -= 1
        return i

    def end_of_statement(self, i):
        """The index of its semicolon; None if it is not a statement."""
        while self.tokens[i].text not in (";", "}", ")", "]"):
            i = self.pairs[i] + 1 if self.tokens[i].text in "([{" else i + 1
        return i if self.tokens[i].text == ";" else None
