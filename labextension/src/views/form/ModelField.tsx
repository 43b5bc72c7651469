import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ModelClass, ModelDetails } from '../../api/wire';
import { Combobox } from './Combobox';
import type { IProblem } from './draft';
import { Field } from './Field';
import { findNames } from './searching';

/** Which model. */
export interface IModelFieldProps {
  readonly id: string;
  readonly model: string;
  readonly models: ReadonlyArray<string>;
  /** What is known of it; null: nothing yet. */
  readonly details: ModelDetails | null;
  readonly forceSimple: boolean;
  readonly problems: ReadonlyArray<IProblem>;
  readonly trans: TranslationBundle;
  readonly onModel: (name: string) => void;
}

/** The class that is used of a model's classes. */
export function classOf(details: ModelDetails | null, forceSimple: boolean): ModelClass | null {
  if (!details) {
    return null;
  }
  return (forceSimple ? (details.simple ?? details.chat) : (details.chat ?? details.simple)) ?? null;
}

/** Searches the models of a server, and tells of the one that is chosen. */
export const ModelField = React.memo(function ModelField(props: IModelFieldProps): React.ReactElement {
  const { id, model, models, details, problems, trans, onModel } = props;
  const known = models.includes(model);
  const options = React.useMemo(() => {
    const found = findNames(models, model);
    // A name that is chosen is no search: the others are offered too.
    return known ? [...found, ...models.filter(name => !found.includes(name))] : found;
  }, [models, model, known]);
  const used = classOf(details, props.forceSimple);
  return (
    <Field
      id={id}
      label={trans.__('Model')}
      code="model"
      problems={problems}
      trans={trans}
      onNearest={(_, name) => onModel(name)}
      help={
        details && used ? (
          <>
            <div>
              {[
                used.description || used.name,
                adapters(details, props.forceSimple, trans),
                details.aliases?.length ? trans.__('also called %1', details.aliases.join(', ')) : ''
              ]
                .filter(Boolean)
                .join(' · ')}
            </div>
            {!!used.missing_packages?.length && (
              <div className="jp-LmmsEval-warning">
                <span aria-hidden="true">⚠ </span>
                {trans._n(
                  'The package %2 is not installed beside the server; the job would fail.',
                  'The packages %2 are not installed beside the server; the job would fail.',
                  used.missing_packages.length,
                  used.missing_packages.join(', ')
                )}
              </div>
            )}
          </>
        ) : (
          trans.__("lmms-eval's name of the model type; the checkpoint is an argument below.")
        )
      }
    >
      {describedBy => (
        <Combobox
          id={id}
          text={model}
          options={options}
          nameOf={name => name}
          onText={onModel}
          onChoose={onModel}
          eager
          required
          listName={trans.__('Models')}
          nothing={trans.__('No model of this server is called so')}
          placeholder={
            models.length ? trans.__('Search %1 models', models.length) : trans.__('Name of the model type')
          }
          describedBy={describedBy}
          invalid={problems.length > 0}
        >
          {name => <span className="jp-LmmsEval-optionName">{name}</span>}
        </Combobox>
      )}
    </Field>
  );
});

function adapters(details: ModelDetails, forceSimple: boolean, trans: TranslationBundle): string {
  if (details.chat && details.simple) {
    return forceSimple
      ? trans.__('simple adapter, as asked for; it has a chat one too')
      : trans.__('chat adapter; it has a simple one too');
  }
  return details.chat ? trans.__('chat adapter') : trans.__('simple adapter');
}
