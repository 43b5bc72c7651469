"""What an evaluation process inherits."""

from __future__ import annotations

from jupyter_lmms_eval.engine.environment import evaluation_environment


def test_an_evaluation_does_not_believe_to_be_a_rank_of_its_servers_job() -> None:
    base = {
        "RANK": "3",
        "WORLD_SIZE": "8",
        "SLURM_PROCID": "3",
        "SLURM_JOB_ID": "77",
        "TORCHELASTIC_RUN_ID": "x",
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "DEEPSPEED_STAGE": "3",
        "MV2_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_SIZE": "8",
        "PMI_RANK": "3",
        "ROLE_NAME": "trainer",
        "MASTER_PORT": "1",
        "LMMS_EVAL_TOKEN": "secret",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_TOKEN": "hf_kept",
        "HOME": "/home/me",
    }
    environment = evaluation_environment(base, ["cuda:1", "cuda:3"], threads=4)
    assert {*base} & {*environment} == {"HF_TOKEN", "HOME"}
    assert environment["HF_TOKEN"] == "hf_kept"
    assert environment["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["PYTHONSAFEPATH"] == "1"


def test_an_evaluation_on_the_cpu_sees_no_gpu() -> None:
    assert evaluation_environment({"CUDA_VISIBLE_DEVICES": "0"}, ["cpu:0"], 1)["CUDA_VISIBLE_DEVICES"] == ""
