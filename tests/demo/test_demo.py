"""The demonstration's data, task files and checkpoints are what the catalog says they are."""

import io
import subprocess
import sys

import pytest

from jupyter_lmms_eval.demo import catalog

# (task, its file, rows, size of a picture)
TASK_DATA = [
    ("digits_read", "digits-test.parquet", 450, (56, 56)),
    ("digits_choice", "digits-test.parquet", 450, (56, 56)),
    ("numbers_read", "numbers-test.parquet", 300, (168, 56)),
]
MODELS = list(catalog.MODELS.items())


def pixels(row):
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(row["image"]["bytes"])) as picture:
        return picture.tobytes()


def test_the_catalog_imports_nothing_heavy():
    code = (
        "import sys, jupyter_lmms_eval.demo.catalog\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'transformers', 'datasets', 'lmms_eval'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_a_model_of_the_catalog_is_a_small_complete_checkpoint(name, model):
    assert model.checkpoint == catalog.CHECKPOINTS_DIR / name
    files = {file.name: file.stat().st_size for file in model.checkpoint.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json"} <= set(files)
    assert 500_000 < sum(files.values()) < 4_500_000


def test_the_checkpoints_together_are_small_enough_to_ship():
    sizes = [file.stat().st_size for file in catalog.CHECKPOINTS_DIR.rglob("*") if file.is_file()]
    assert sum(sizes) < 10_000_000


def test_every_task_of_a_model_has_a_task_file():
    tasks = {file.stem for file in catalog.TASKS_DIR.glob("*.yaml")}
    assert set(catalog.TASKS) <= tasks
    for model in catalog.MODELS.values():
        assert set(model.tasks) <= set(catalog.TASKS)


@pytest.mark.parametrize(("task", "file", "rows", "size"), TASK_DATA)
def test_a_task_asks_about_real_pictures(task, file, rows, size):
    parquet = pytest.importorskip("pyarrow.parquet")
    image = pytest.importorskip("PIL.Image")
    yaml_text = (catalog.TASKS_DIR / f"{task}.yaml").read_text()
    assert f"task: {task}\n" in yaml_text
    assert f"test: data/{file}\n" in yaml_text

    table = parquet.read_table(catalog.TASKS_DIR / "data" / file).to_pylist()
    assert len(table) == rows
    digits = size[0] // size[1]
    for row in table:
        with image.open(io.BytesIO(row["image"]["bytes"])) as picture:
            assert picture.size == size
            low, high = picture.convert("L").getextrema()
        assert (low, high > 200) == (0, True)
        assert row["answer"].isdigit()
        assert len(row["answer"]) == digits
    assert len({row["image"]["bytes"] for row in table}) == rows


@pytest.mark.parametrize(("said", "exact", "share"), [("407", 1, 1), ("417", 0, 2 / 3), ("", 0, 0), ("4074", 0, 0.75)])
def test_the_score_of_a_number(said, exact, share):
    from jupyter_lmms_eval.demo.tasks.digits import score_number

    score = score_number({"answer": "407"}, [said])
    assert score == {"exact_match": exact, "char_accuracy": pytest.approx(share)}


def test_models_are_trained_with_the_words_of_the_task_files():
    pytest.importorskip("numpy")
    from jupyter_lmms_eval.demo.dataset import DIGIT, NUMBER

    for task, kind in [("digits_read", DIGIT), ("digits_choice", DIGIT), ("numbers_read", NUMBER)]:
        yaml_text = (catalog.TASKS_DIR / f"{task}.yaml").read_text()
        assert f'doc_to_text: "{{{{question}}}}\\n{kind.instruction}"' in yaml_text


def test_no_test_scan_is_trained_on():
    pytest.importorskip("sklearn")
    from jupyter_lmms_eval.demo.dataset import load_scans

    train, test = load_scans()
    assert (len(train.labels), len(test.labels)) == (1347, 450)
    assert not {scan.tobytes() for scan in train.pixels} & {scan.tobytes() for scan in test.pixels}


def test_the_shipped_data_is_what_the_builder_makes(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("datasets")
    parquet = pytest.importorskip("pyarrow.parquet")
    from jupyter_lmms_eval.demo.dataset import exam, load_scans, write_parquet

    for name, questions in exam(load_scans()[1]).items():
        write_parquet(questions, tmp_path / name)
        built, shipped = (
            parquet.read_table(folder / name).to_pylist() for folder in (tmp_path, catalog.TASKS_DIR / "data")
        )
        assert [pixels(row) for row in built] == [pixels(row) for row in shipped]
        assert [row["answer"] for row in built] == [row["answer"] for row in shipped]


@pytest.mark.evaluation
@pytest.mark.parametrize(("name", "model"), MODELS)
def test_a_checkpoint_reads_digits(name, model):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    parquet = pytest.importorskip("pyarrow.parquet")
    image = pytest.importorskip("PIL.Image")
    folder = str(model.checkpoint)
    reader = transformers.AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
    rows = parquet.read_table(catalog.TASKS_DIR / "data" / "digits-test.parquet").to_pylist()[:40]
    pictures = [image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in rows]
    text = f"{rows[0]['question']}\nAnswer with a single digit."
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    inputs = processor(images=pictures, text=[prompt] * len(rows), return_tensors="pt").to(reader.dtype)
    with torch.inference_mode():
        tokens = reader.generate(**inputs, max_new_tokens=4, do_sample=False)
    said = processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    right = sum(answer.strip() == row["answer"] for answer, row in zip(said, rows, strict=True))
    assert right / len(rows) > 0.8
