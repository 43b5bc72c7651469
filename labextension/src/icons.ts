import { LabIcon } from '@jupyterlab/ui-components';

/** A gauge: evaluations. Its colour follows the theme. */
const evaluationsSvg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M12 4a10 10 0 0 0-8.3 15.6l1.7-1.1A8 8 0 1 1 20 14a7.9 7.9 0 0 1-1.4 4.5l1.7 1.1A10 10 0 0 0 12 4z"/>
    <path d="M17.4 8.6 11 12.5a2 2 0 1 0 2.5 2.5z"/>
  </g>
</svg>`;

export const evaluationsIcon = new LabIcon({ name: 'jupyter-lmms-eval:evaluations', svgstr: evaluationsSvg });
