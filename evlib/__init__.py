"""The logic behind the evtrials notebooks: tables in, tables out. A map:

========================  =========================================================================================
``ingest/``               01, the records: registry exports read, dates placed, ClinicalTrials.gov searched live
``screen/``               02, the selection: decisions of readers and people, rules, duplicates, the PRISMA flow
``describe/``             03, the trials: coded fields, countries, their figures
``doses/``                04, the doses: read, converted to particles, effects, verdicts on the dose claims
``audit/``                05 and 06: the paper's claims checked, two searches compared, the review at many dates
``certainty/``            07, the certainty: findings and harms with what speaks against them, results that are missing
``run/``                  a whole run: which notebooks are out of date, running them, reviews of other topics, sweeps
``book/``                 the book of a run: its pages, a page for each trial, lessons, the data set
``base/``                 what all of these share: files, tables and their schemas, the protocol, figures' common part
``__main__.py``           the command line, ``python -m evlib``
========================  =========================================================================================

Imports point one way (a test holds it): the command line may import ``book``; ``book`` may import ``run``; ``run`` may
import ``audit``; ``audit`` and ``certainty`` may import the first four chapters; a chapter imports ``base`` and no other chapter. The notebooks
need no module of ``run`` or ``book``. No function reads a file that its caller did not name, and nothing runs at import.
"""

__version__ = "0.1.0"
