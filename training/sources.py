"""The public datasets: where each lies, how its bytes are recognised, and which label each of its photographs gets.

Every size and checksum below was copied from the record named beside it; none was computed here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from training.fetch import RemoteFile

Label = Callable[[re.Match[str]], str | None]
"""From the match of a member's path to its label; None leaves the photograph out."""


@dataclass(frozen=True)
class Source:
    """One dataset.

    Attributes:
        name: What the names of its files begin with; no hyphen, for the first one ends it.
        archive: A zip or tar file; a zip may hold further tar files.
        pattern: The full path of a photograph inside the archive. Its groups, joined by hyphens, name the file that
            is written, so they must admit no separator. Whatever does not match is none of the photographs.
        label: Its label, from that match.
        annotations: A tar file whose `list.txt` tells the species by name; a photograph whose label it contradicts
            is dropped.
    """

    name: str
    archive: RemoteFile
    pattern: re.Pattern[str]
    label: Label
    annotations: RemoteFile | None = None


def _kaggle_label(match: re.Match[str]) -> str:
    return match["species"].lower()


def _oxford_label(match: re.Match[str]) -> str:
    # The header of the dataset's list.txt: a first letter in upper case means a cat, in lower case a dog.
    return "cat" if match["breed"][0].isupper() else "dog"


def _imagenette_label(match: re.Match[str]) -> str:
    english_springer = "n02102040"
    return "dog" if match["synset"] == english_springer else "neither"


def _caltech_label(match: re.Match[str]) -> str | None:
    # BACKGROUND_Google is whatever an image search found: pets among it, unlabelled. Garfield and Snoopy are drawings,
    # wild_cat, cougar_body, cougar_face and Leopards wild relatives: neither, like everything else but the dalmatians.
    return {"BACKGROUND_Google": None, "dalmatian": "dog"}.get(match["folder"], "neither")


def read_species(list_txt: str) -> dict[str, str]:
    """Read the annotations' `list.txt`: a name, a breed's number, a species (1 cat, 2 dog) and more on each line.

    Returns:
        The label of each name, as `Abyssinian_100: cat`.
    """
    rows = (line.split() for line in list_txt.splitlines() if not line.startswith("#"))
    return {row[0]: {"1": "cat", "2": "dog"}[row[2]] for row in rows if row}


SOURCES = (
    # Microsoft's copy of the 25,000 photographs of Kaggle's Dogs vs. Cats (Elson et al. 2007, "Asirra").
    # Address: TensorFlow Datasets, image_classification/cats_vs_dogs.py (4.0.1). Its stored checksum list has only the
    # withdrawn kagglecatsanddogs_3367a.zip; the SHA-256 of this file is from gomlx/gomlx,
    # examples/dogsvscats/dogsvscats.go, the size from wget's logs in public notebooks (2023 and 2024).
    Source(
        "kaggle",
        RemoteFile(
            "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
            "kagglecatsanddogs_5340.zip",
            824_887_076,
            "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
        ),
        re.compile(r"PetImages/(?P<species>Cat|Dog)/(\d+)\.jpg"),
        _kaggle_label,
    ),
    # Parkhi et al. 2012, "Cats and Dogs": 37 breeds.
    # Addresses: torchvision, datasets/oxford_iiit_pet.py. Sizes and SHA-256: TensorFlow Datasets,
    # datasets/oxford_iiit_pet/checksums.tsv; torchvision's prototype datasets record the same SHA-256.
    Source(
        "oxford",
        RemoteFile(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "oxford-iiit-pet-images.tar.gz",
            791_918_971,
            "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        ),
        re.compile(r"images/(?P<breed>[A-Za-z]\w*_\d+)\.jpg"),
        _oxford_label,
        RemoteFile(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "oxford-iiit-pet-annotations.tar.gz",
            19_173_078,
            "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
        ),
    ),
    # fast.ai's ten easy classes of ImageNet, short side 160 pixels.
    # Size and SHA-256: TensorFlow Datasets, datasets/imagenette/checksums.tsv, which replaces an older record of
    # another file (98,948,031 bytes); fastai's data/download_checks.py has the same size.
    Source(
        "imagenette",
        RemoteFile(
            "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
            "imagenette2-160.tgz",
            99_003_388,
            "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
        ),
        re.compile(r"imagenette2-160/(?:train|val)/(?P<synset>n\d{8})/(\w+)\.JPEG"),
        _imagenette_label,
    ),
    # Fei-Fei et al. 2004: 101 kinds of objects, as CaltechDATA keeps them (record mzrjq-6wc02): a zip around a tar.
    # Size and SHA-256: TensorFlow Datasets, datasets/caltech101/checksums.tsv.
    Source(
        "caltech101",
        RemoteFile(
            "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1",
            "caltech-101.zip",
            137_414_764,
            "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91",
        ),
        re.compile(r"101_ObjectCategories/(?P<folder>\w+)/image_(\d+)\.jpg"),
        _caltech_label,
    ),
)
