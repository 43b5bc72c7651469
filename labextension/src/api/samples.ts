/** A page of a job's samples, as `GET /jobs/{id}/samples` answers it. */
export interface SamplePage {
  job_id: string;
  task: string;
  /** Tasks that have samples, and how many. */
  tasks: { task: string; total: number }[];
  offset: number;
  limit: number;
  /** In the task. */
  total: number;
  /** After filter and search. */
  matching: number;
  /** From the journal of a running job: not scored yet. */
  live: boolean;
  complete: boolean;
  /** Whether right and wrong can be told apart. */
  scored: boolean;
  samples: Sample[];
}

/** One sample of a task: a document with the model's answer. */
export interface Sample {
  doc_id: number;
  question: string;
  answers: string[];
  filtered: string[];
  target: string;
  scores: Record<string, number>;
  correct: boolean | null;
  media: { n: number; kind: 'image' | 'video' | 'audio' | 'unknown' }[];
  details: Record<string, unknown>;
}

/** Which samples of a job to show. */
export interface ISampleQuery {
  task?: string;
  offset?: number;
  limit?: number;
  filter?: 'all' | 'wrong' | 'right';
  q?: string;
}
