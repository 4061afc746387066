"""Log files and streams: what is new in them since a position, and where rejected lines go."""

from tocsin.sources.log_files.chunk import LogChunk
from tocsin.sources.log_files.dead_letters import DeadLetters
from tocsin.sources.log_files.reader import LogFiles
from tocsin.sources.log_files.stream import LogStream

__all__ = ["DeadLetters", "LogChunk", "LogFiles", "LogStream"]
