"""Run by ASReview's own Python: load files as ASReview does, label each record in turn, and export them as ASReview does.

Its own code reads and writes; `test_exchange` looks at what it says and at what it wrote.
"""

import json
import sys

import pandas as pd
from asreview.data.loader import _get_reader, _get_writer, load_records

labels, files = json.loads(sys.argv[1]), sys.argv[2:]
for source, target in zip(files[::2], files[1::2]):
    records = load_records(source, dataset_id="evtrials")
    print(json.dumps([[record.title, record.abstract, record.included] for record in records]))
    table = _get_reader(source).read_data(source)
    table["asreview_label"] = pd.Series([labels[place % len(labels)] for place in range(len(table))], dtype="object")
    _get_writer(target).write_data(table, target)
