import * as React from 'react';
import type { ModelDetails } from '../../api/wire';
import type { Catalogs, ICatalog } from './catalog';

/** What a server offers, asked when it is chosen. */
export function useCatalog(
  catalogs: Catalogs,
  server: string
): { catalog: ICatalog | null; trouble: string; again: () => void } {
  const [found, setFound] = React.useState<{ server: string; catalog: ICatalog | null; trouble: string }>({
    server: '',
    catalog: null,
    trouble: ''
  });
  const [attempt, setAttempt] = React.useState(0);
  React.useEffect(() => {
    let wanted = true;
    if (server) {
      catalogs.get(server, attempt > 0).then(
        catalog => wanted && setFound({ server, catalog, trouble: '' }),
        (error: Error) => wanted && setFound({ server, catalog: null, trouble: error.message })
      );
    }
    return () => {
      wanted = false;
    };
  }, [catalogs, server, attempt]);
  const current = found.server === server;
  return {
    catalog: current ? found.catalog : null,
    trouble: current ? found.trouble : '',
    again: () => {
      setFound({ server: '', catalog: null, trouble: '' });
      setAttempt(before => before + 1);
    }
  };
}

/** What a server knows of the model that is named, if it knows it. */
export function useModelDetails(
  catalogs: Catalogs,
  server: string,
  name: string,
  catalog: ICatalog | null
): ModelDetails | null {
  const [found, setFound] = React.useState<{ key: string; details: ModelDetails } | null>(null);
  const known = catalog !== null && catalog.models.includes(name);
  const key = `${server}/${name}`;
  React.useEffect(() => {
    let wanted = true;
    if (known) {
      catalogs.model(server, name).then(
        details => wanted && setFound({ key, details }),
        // Nothing is told of it then; whether it can be used, submitting tells.
        () => undefined
      );
    }
    return () => {
      wanted = false;
    };
  }, [catalogs, server, name, known, key]);
  return known && found?.key === key ? found.details : null;
}
