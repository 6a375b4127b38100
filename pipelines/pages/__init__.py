"""fld report: one static page that shows a dataset; numbers from ledgers, pictures from a sample.

numbers.py reads the books, sample.py and pictures.py choose what is looked at, tables.py and charts.py draw,
sections.py puts them in order, page.py makes one file of it all, coco.py the sample for other viewers. static/ holds
the page's style and its code, without a framework.
"""

from pipelines.pages.making import Options, report

__all__ = ["Options", "report"]
