"""Studies for the benchmark, by the thousand or the million: real ones varied, or a sample of our own where none is at hand.

    python benchmarks/generate.py COUNT FILE [FOLDER_OF_REAL_SAMPLES]

One study per line in the form of ClinicalTrials.gov's API v2. Titles are drawn word by word from the titles of the samples
(so that frequent words stay frequent), with a code of a drug's kind; sponsors, dates and sizes are drawn; in one of a
thousand the title speaks of exosomes of mesenchymal stem cells. One study in a hundred names the number of an earlier one,
and one in a hundred repeats an earlier one under a new number with its words in another order. No summary, eligibility text
or results are kept, and three places at most: about what a live search asks for.
"""

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

OWN = Path(__file__).parents[1] / "tests" / "samples" / "ctgov.json"
_KEPT = ("identification", "status", "sponsorCollaborators", "conditions", "design", "armsInterventions", "outcomes")
_SPONSORS = 20_000
_RECENT = 1_000  # among how many earlier studies one is drawn to be repeated


def generate(count: int, path: Path, samples: Path | None) -> None:
    """Write ``count`` studies to ``path``."""
    chance = random.Random(20240217)
    studies = [_trimmed(study) for study in _studies(samples)]
    words = _words(samples, studies)
    recent: list[dict[str, Any]] = []
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            study = _varied(chance.choice(studies), number, words, recent, chance)
            file.write(json.dumps(study, ensure_ascii=False) + "\n")


def _studies(samples: Path | None) -> list[dict[str, Any]]:
    files = sorted(samples.glob("ctgov_v2/*.json")) if samples else []
    return [json.loads(path.read_text(encoding="utf-8")) for path in files or [OWN]]


def _words(samples: Path | None, studies: list[dict[str, Any]]) -> list[str]:
    titles = [study["protocolSection"]["identificationModule"]["officialTitle"] for study in studies]
    for path in sorted(samples.glob("ictrp/*.csv")) if samples else []:
        with path.open(encoding="utf-8-sig", newline="") as file:
            titles += [row["Scientific title"] or "" for row in csv.DictReader(file)]
    return " ".join(titles).split()


def _trimmed(study: dict[str, Any]) -> dict[str, Any]:
    section = study["protocolSection"]
    kept = {f"{name}Module": section[f"{name}Module"] for name in _KEPT if f"{name}Module" in section}
    places = section.get("contactsLocationsModule", {}).get("locations", [])
    kept["contactsLocationsModule"] = {"locations": [{"country": place["country"]} for place in places[:3]]}
    return {"protocolSection": kept, "hasResults": study["hasResults"]}


def _varied(
    study: dict[str, Any], number: int, words: list[str], recent: list[dict[str, Any]], chance: random.Random
) -> dict[str, Any]:
    section = study["protocolSection"]
    facts = {
        "title": [*chance.choices(words, k=chance.randint(6, 14)), f"{chance.choice('ABCDEFGH')}X-{number}"],
        "sponsor": f"University Hospital No. {chance.randrange(_SPONSORS)}",
        "start": f"{chance.randint(2008, 2025)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        "size": chance.randint(8, 900),
    }
    if chance.random() < 0.001:
        facts["title"] += ["and", "mesenchymal", "stem", "cell", "exosomes"]
    secondary = []
    if recent and chance.random() < 0.02:
        earlier = chance.choice(recent)
        if chance.random() < 0.5:
            secondary = [{"id": earlier["trn"]}]
        else:
            facts |= {name: earlier[name] for name in ("sponsor", "start", "size")}
            facts["title"] = chance.sample(earlier["title"], len(earlier["title"]))
    trn = f"NCT{number:08d}"
    recent.append({"trn": trn} | facts)
    del recent[:-_RECENT]
    title = " ".join(facts["title"])
    identification = section["identificationModule"] | {"nctId": trn, "briefTitle": title, "officialTitle": title}
    posted = {"studyFirstPostDateStruct": {"date": facts["start"]}, "startDateStruct": {"date": facts["start"]}}
    return {
        "protocolSection": section
        | {
            "identificationModule": identification | {"secondaryIdInfos": secondary},
            "statusModule": section["statusModule"] | posted | {"studyFirstSubmitDate": facts["start"]},
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": facts["sponsor"]}},
            "designModule": section["designModule"] | {"enrollmentInfo": {"count": facts["size"]}},
        },
        "hasResults": study["hasResults"],
    }


if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
