/** Stands in the address in a client's place while one is being chosen. */
export const CHOOSE = 'choose';
