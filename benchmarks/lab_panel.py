"""How long the panel in JupyterLab takes to show a change while 1,000 jobs are listed.

    python benchmarks/lab_panel.py [--jobs 1000] [--changed 20] [--rounds 50]

Starts a JupyterLab and a headless Chromium, gives the panel a scripted list of jobs, changes some of them again and
again, and prints the time from the change until the page is laid out anew. What else in the page listens to the same
jobs is part of it. Needs the extra ``test`` and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# Times in milliseconds, by what was done.
SCRIPT = """
async ({ jobs: count, changed, rounds }) => {
  const app = window.jupyterapp;
  const model = app.pluginRegistry._plugins.get('jupyter-lmms-eval:evaluations').service;
  const finished = ['completed', 'failed', 'cancelled'];
  const moment = number => new Date(Date.UTC(2026, 0, 1) + number * 60000).toISOString();
  const make = (number, status, samples) => ({
    job_id: `${String(number).padStart(8, '0')}-job`, status, created_at: moment(number), started_at: moment(number),
    completed_at: finished.includes(status) ? moment(number) : null,
    request: { model: 'qwen2_5_vl', tasks: ['mme', 'mmmu_val'], name: `step ${number}` },
    progress: { phase: 'answering', samples_done: samples, samples_total: 5000, rate: 12.5, eta_seconds: 100,
      errors_logged: 0 },
    metrics: status === 'completed' ? [{ task: 'mmmu_val', metric: 'acc', filter: 'none', value: 0.5, stderr: 0.01 }]
      : [],
    position_in_queue: status === 'queued' ? number : null, devices: ['cuda:0'], attempt: 1, finishing: false,
    partial: false, revision: samples, error: status === 'failed' ? 'ValueError: no such file' : null });
  const statuses = [...Array(changed).fill('running'), ...Array(changed).fill('queued')];
  const status = number => statuses[number] ?? finished[number % 3];
  let servers = [];
  const jobs = new Map();
  for (let number = 0; number < count; number++) {
    const job = make(number, status(number), 1);
    jobs.set(job.job_id, job);
  }
  const info = { id: 'bench', state: 'alive', message: '', path: '', url: 'http://localhost:1', pid: 1, kernel_id: null,
    notebook: null, state_dir: '/bench', started_at: '', version: '', running_jobs: 1, queue_size: 1, notices: [] };
  Object.defineProperty(model, 'servers', { get: () => servers });
  const show = known => {
    servers = [{ info, jobs: known, devices: [], revision: 1, heardAt: Date.now(), trouble: '' }];
    model.changed.emit(undefined);
  };
  const panel = document.querySelector('.jp-LmmsEval-panel');
  const pause = () => new Promise(resolve => setTimeout(resolve, 50));
  const timed = async act => {
    await pause();
    const seen = new Promise(resolve => {
      const observer = new MutationObserver(() => (observer.disconnect(), resolve()));
      observer.observe(panel, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    const began = performance.now();
    act();
    await seen;
    panel.getBoundingClientRect();
    return performance.now() - began;
  };
  const times = { first: [await timed(() => show(jobs))], change: [], end: [], filter: [] };
  for (let round = 2; round < rounds + 2; round++) {
    const next = new Map(jobs);
    for (let number = 0; number < changed; number++) {
      const job = make(number, 'running', round * 10);
      next.set(job.job_id, job);
    }
    times.change.push(await timed(() => show(next)));
    const over = make(0, 'completed', round * 10);
    times.end.push(await timed(() => show(new Map([...next, [over.job_id, over]]))));
    const box = panel.querySelector('input[type=search]');
    const write = text => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(box, text);
      box.dispatchEvent(new Event('input', { bubbles: true }));
    };
    times.filter.push(await timed(() => write(`step ${round}`)));
    await timed(() => write(''));
  }
  return { rows: panel.querySelectorAll('.jp-LmmsEval-jobRow').length, times };
}
"""


@contextmanager
def laboratory(root: Path) -> Iterator[str]:
    """Run a JupyterLab; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    settings = root / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    environment = {**os.environ, **{name: str(root / folder) for name, folder in folders.items()}}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={token}"]
    options += [f"--ServerApp.root_dir={root}", "--LabApp.expose_app_in_browser=True"]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (root / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment | {"JUPYTER_PREFER_ENV_PATH": "1"}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=2).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((root / "lab.log").read_text()[-2000:]) from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab?token={token}&reset"
    finally:
        process.terminate()
        process.wait(20)


def measure(url: str, given: dict[str, int]) -> dict[str, Any]:
    """Drive the panel in a browser; return what the script measured."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=120_000)
        page.evaluate("async () => { await jupyterapp.started; await jupyterapp.restored; }")
        page.evaluate("() => jupyterapp.commands.execute('lmms-eval:open-panel')")
        page.wait_for_timeout(3000)
        measured: dict[str, Any] = page.evaluate(SCRIPT, given)
        browser.close()
        return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--changed", type=int, default=20, help="running jobs that change at once; as many wait")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print all times, in milliseconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, laboratory(Path(name)) as url:
        given = {"jobs": arguments.jobs, "changed": arguments.changed, "rounds": arguments.rounds}
        measured = measure(url, given)
    if arguments.json:
        print(json.dumps(measured))
        return
    said = {"first": "first list", "change": f"{arguments.changed} jobs go on", "end": "a job ends", "filter": "filter"}
    print(f"{arguments.jobs:,} jobs listed, {measured['rows']} rows shown; milliseconds until laid out")
    for key, times in measured["times"].items():
        tail = sorted(times)[int(0.95 * (len(times) - 1))]
        print(f"{said[key]:>20}: median {statistics.median(times):6.1f}, 95 % {tail:6.1f}, most {max(times):6.1f}")


if __name__ == "__main__":
    main()
