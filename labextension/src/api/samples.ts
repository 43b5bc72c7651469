import type { SampleMedia } from './wire';

export type { Sample, SampleMedia, SampleMediaList, SamplePage } from './wire';
export type MediaKind = SampleMedia['kind'];

/** Which samples of a job to show. */
export interface ISampleQuery {
  task?: string;
  offset?: number;
  limit?: number;
  filter?: 'all' | 'wrong' | 'right';
  q?: string;
}
