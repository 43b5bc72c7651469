/** Names of the commands; those of jobs take `{server, job}`, those of servers `{server}`. */
export const CommandIDs = {
  openPanel: 'lmms-eval:open-panel',
  newJob: 'lmms-eval:new-job',
  cloneJob: 'lmms-eval:clone-job',
  openJob: 'lmms-eval:open-job',
  cancelJob: 'lmms-eval:cancel-job',
  finishJob: 'lmms-eval:finish-job',
  retryJob: 'lmms-eval:retry-job',
  prioritizeJob: 'lmms-eval:prioritize-job',
  copyJobId: 'lmms-eval:copy-job-id',
  copyCode: 'lmms-eval:copy-client-code',
  startServer: 'lmms-eval:start-server',
  stopServer: 'lmms-eval:stop-server',
  openDocs: 'lmms-eval:open-docs',
  freeDevices: 'lmms-eval:free-devices',
  refresh: 'lmms-eval:refresh'
} as const;
