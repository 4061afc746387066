"""What makes events of lines."""

from tocsin.sources.parsers.base import BaseParser
from tocsin.sources.parsers.registry import PARSER_TYPES, ParserType, create_parser

__all__ = ["PARSER_TYPES", "BaseParser", "ParserType", "create_parser"]
