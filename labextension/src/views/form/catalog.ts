/** What a server offers: tasks, models and the fields of a request; asked once for all forms. */

import type { ServerApi } from '../../api/server';
import type { ModelDetails } from '../../api/wire';
import { readFields, type IField, type IOpenApi } from './fields';
import { searchable, type ISearchable } from './searching';

/** What a server offers. */
export interface ICatalog {
  readonly tasks: ReadonlyArray<ISearchable>;
  readonly byName: ReadonlyMap<string, ISearchable>;
  readonly models: ReadonlyArray<string>;
  readonly fields: ReadonlyArray<IField>;
}

/** After this long a form that opens asks anew: tasks may have been added; in milliseconds. */
const STALE = 300_000;

/** The catalogs of all servers that were asked for. */
export class Catalogs {
  /**
   * @param apiOf - The API of a server by its id.
   */
  constructor(private readonly apiOf: (server: string) => ServerApi) {}

  /**
   * What a server offers.
   *
   * @param server - Its id.
   * @param again - Ask anew, though it was answered before.
   */
  get(server: string, again = false): Promise<ICatalog> {
    const known = this.catalogs.get(server);
    if (known && !again && Date.now() - known.at < STALE) {
      return known.asked;
    }
    const asked = this.ask(server);
    this.catalogs.set(server, { asked, at: Date.now() });
    asked.catch(() => {
      // What failed is asked again.
      if (this.catalogs.get(server)?.asked === asked) {
        this.catalogs.delete(server);
      }
    });
    return asked;
  }

  /** What a server knows of a model. */
  model(server: string, name: string): Promise<ModelDetails> {
    const key = `${server}/${name}`;
    const known = this.models.get(key);
    if (known) {
      return known;
    }
    const asked = this.apiOf(server).model(name);
    this.models.set(key, asked);
    asked.catch(() => this.models.delete(key));
    return asked;
  }

  private async ask(server: string): Promise<ICatalog> {
    const api = this.apiOf(server);
    const [listed, models, openapi] = await Promise.all([
      api.tasks({ details: true }),
      api.models(),
      api.openapi<IOpenApi>()
    ]);
    const tasks = searchable(listed.details ?? listed.tasks.map(name => bare(name, listed)));
    return {
      tasks,
      byName: new Map(tasks.map(each => [each.task.name, each])),
      models: models.models,
      fields: readFields(openapi)
    };
  }

  private readonly catalogs = new Map<string, { asked: Promise<ICatalog>; at: number }>();
  private readonly models = new Map<string, Promise<ModelDetails>>();
}

/** A task of which only the name is told. */
function bare(name: string, listed: { groups?: string[]; tags?: string[] }): ISearchable['task'] {
  const kind = listed.groups?.includes(name) ? 'group' : listed.tags?.includes(name) ? 'tag' : 'task';
  return { name, kind };
}
