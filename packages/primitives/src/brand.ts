declare const brand: unique symbol;

/** A value of type T that has passed the check that gives it this name. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };
