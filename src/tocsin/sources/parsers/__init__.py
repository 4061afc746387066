"""What makes events of lines."""

from tocsin.sources.parsers.base import BaseParser
from tocsin.sources.parsers.grouping import grouping_accuracy
from tocsin.sources.parsers.propose import ParserProposal, propose_parser
from tocsin.sources.parsers.registry import PARSER_TYPES, ParserType, create_parser

__all__ = [
    "PARSER_TYPES",
    "BaseParser",
    "ParserProposal",
    "ParserType",
    "create_parser",
    "grouping_accuracy",
    "propose_parser",
]
