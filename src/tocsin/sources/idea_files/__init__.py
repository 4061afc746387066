"""Reads security events from files: IDEA as JSON, CSV by a mapping, a folder that is a queue."""

from tocsin.sources.idea_files.content import STDIN
from tocsin.sources.idea_files.folder_queue import ClaimedFile, FolderQueue
from tocsin.sources.idea_files.mapping import ColumnMapping, CsvMapping
from tocsin.sources.idea_files.reading import EventFile

__all__ = ["STDIN", "ClaimedFile", "ColumnMapping", "CsvMapping", "EventFile", "FolderQueue"]
