import type { Contents } from '@jupyterlab/services';
import { PathExt } from '@jupyterlab/coreutils';
import type { ISampleQuery, SampleMedia, SamplePage } from '../../api/samples';
import type { ServerApi } from '../../api/server';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Metric } from '../../api/wire';
import { chosen, parseSamples, taskOf, type ISamplesFile } from './samplesfile';

/** From where samples are read: a server, or files. */
export interface ISampleSource {
  page(query: ISampleQuery, signal: AbortSignal): Promise<SamplePage>;
  /** Null: pictures are not to be had here. */
  readonly media: IMediaSource | null;
}

/** From where the pictures, videos and sounds of samples come. */
export interface IMediaSource {
  list(task: string, docId: number, signal: AbortSignal): Promise<SampleMedia[]>;
  url(task: string, docId: number, n: number): string;
  fetch(task: string, docId: number, n: number, signal: AbortSignal): Promise<Blob>;
}

/** Files larger than this are not read into the page (bytes). */
export const LARGEST_FILE = 50 << 20;

/** The samples of a job, from its server. */
export class JobSamples implements ISampleSource {
  constructor(
    private readonly api: ServerApi,
    private readonly job: string
  ) {
    this.media = {
      list: async (task, docId, signal) => (await this.api.media(this.job, task, docId, signal)).media,
      url: (task, docId, n) => this.api.mediaUrl(this.job, task, docId, n),
      fetch: (task, docId, n, signal) => this.api.medium(this.job, task, docId, n, signal)
    };
  }

  readonly media: IMediaSource;

  page(query: ISampleQuery, signal: AbortSignal): Promise<SamplePage> {
    return this.api.samples(this.job, query, signal);
  }
}

/** The samples beside a results file, from the files themselves; without media, which they do not hold. */
export class FileSamples implements ISampleSource {
  /**
   * @param contents - Jupyter's files.
   * @param path - Of the results file.
   * @param metrics - Of the results file: they tell for which metrics less is better.
   */
  constructor(
    private readonly contents: Contents.IManager,
    private readonly path: string,
    private readonly metrics: ReadonlyArray<Metric>,
    private readonly trans: TranslationBundle
  ) {}

  readonly media = null;

  async page({ task, offset = 0, limit = 50, ...query }: ISampleQuery): Promise<SamplePage> {
    const beside = await this.beside();
    const names = [...beside.keys()];
    // Unasked, one that can be opened.
    const small = names.find(each => (beside.get(each)?.size ?? 0) <= LARGEST_FILE);
    const name = task !== undefined && beside.has(task) ? task : (small ?? names[0]);
    const model = beside.get(name);
    if (name === undefined || !model) {
      throw new Error(
        this.trans.__(
          'There are no samples beside this file; lmms-eval writes them when asked to log samples'
        )
      );
    }
    const file = await this.file(name, model);
    const matching = chosen(file.samples, query);
    const count = (each: string) => this.metrics.find(metric => metric.task === each)?.samples ?? 0;
    return {
      job_id: this.path,
      task: name,
      tasks: names.map(each => ({ task: each, total: each === name ? file.samples.length : count(each) })),
      offset,
      limit,
      total: file.samples.length,
      matching: matching.length,
      live: false,
      complete: true,
      scored: file.scored,
      damaged: file.damaged,
      samples: matching.slice(offset, offset + limit)
    };
  }

  /** The samples files of this results file, by task. */
  private async beside(): Promise<Map<string, Contents.IModel>> {
    if (!this.listed) {
      const folder = PathExt.dirname(this.path);
      const local = this.contents.localPath(this.path);
      const drive = this.contents.driveName(this.path);
      const where = drive ? `${drive}:${PathExt.dirname(local)}` : folder;
      this.listed = this.contents.get(where, { content: true }).then(({ content }) => {
        const models = content as Contents.IModel[];
        const found = models.map(model => [taskOf(PathExt.basename(local), model.name), model] as const);
        return new Map(found.filter((entry): entry is [string, Contents.IModel] => entry[0] !== null));
      });
      this.listed.catch(() => (this.listed = null));
    }
    return this.listed;
  }

  private file(task: string, model: Contents.IModel): Promise<ISamplesFile> {
    if (this.read?.task !== task) {
      const content = this.load(task, model);
      content.catch(() => (this.read = null));
      // One at a time: they may be large.
      this.read = { task, content };
    }
    return this.read.content;
  }

  private async load(task: string, model: Contents.IModel): Promise<ISamplesFile> {
    if ((model.size ?? 0) > LARGEST_FILE) {
      throw new Error(
        this.trans.__(
          '%1 has %2 MB; files of more than %3 MB are not opened here. Read it with pandas.read_json(path, lines=True)',
          model.name,
          Math.round((model.size ?? 0) / 2 ** 20),
          LARGEST_FILE / 2 ** 20
        )
      );
    }
    const { content } = await this.contents.get(model.path, { type: 'file', format: 'text', content: true });
    const lower = this.metrics.filter(metric => metric.task === task && metric.higher_is_better === false);
    return parseSamples(String(content), new Set(lower.map(metric => metric.metric)));
  }

  private listed: Promise<Map<string, Contents.IModel>> | null = null;
  private read: { task: string; content: Promise<ISamplesFile> } | null = null;
}
