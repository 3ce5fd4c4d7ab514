// What the host's page gives and its official types leave out.

declare module "*/scripts/app.js" {
  export const app: Page.App;
}

declare module "*/scripts/api.js" {
  export const api: import("@comfyorg/comfyui-frontend-types").ComfyApi;
}

declare namespace Page {
  type App = import("@comfyorg/comfyui-frontend-types").ComfyApp;
  type Api = import("@comfyorg/comfyui-frontend-types").ComfyApi;
  type Extension = import("@comfyorg/comfyui-frontend-types").ComfyExtension;
  type Node = Parameters<NonNullable<Extension["getNodeMenuItems"]>>[0];
  type Graph = NonNullable<Node["graph"]>;
  type Widget = NonNullable<Node["widgets"]>[number];

  interface PanelOptions {
    serialize: boolean;
    hideOnZoom: boolean;
    getMinHeight: () => number;
  }

  /** A node as the page extends the library's. */
  type PageNode = Node & {
    addDOMWidget(name: string, type: string, element: HTMLElement, options: PanelOptions): Widget;
    onExecuted?(output: { rece?: import("./result.js").Result[] }): void;
  };
}

interface Window {
  LiteGraph: {
    createNode(type: string): Page.Node | null;
    registered_node_types: Record<string, unknown>;
    vueNodesMode?: boolean;
  };
}
